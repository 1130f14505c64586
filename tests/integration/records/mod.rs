//! Customers and products: records that are stored, read and deleted as a whole.

use test_support::{ApiRequest, ApiResponse, TestShop};

mod customers;
mod faults;
mod overlap;
mod preconditions;
mod products;
mod validation;

const CUSTOMER: &str = "/customers/{customerId}";
const PRODUCT: &str = "/products/{productId}";
const ALICE: &str = r#"{"email":"alice@example.com","name":"Alice Johnson"}"#;
const LAMP: &str = r#"{"name":"Desk Lamp","price":24.50}"#;

/// Both kinds of records, with a valid body for each.
const KINDS: [(&str, &str); 2] = [(CUSTOMER, ALICE), (PRODUCT, LAMP)];

fn request(method: &'static str, route: &str, id: &str) -> ApiRequest {
    let parameter = route.split(['{', '}']).nth(1).unwrap();
    ApiRequest::new(method, route).path(parameter, id)
}

fn put(route: &str, id: &str, body: &str) -> ApiRequest {
    request("PUT", route, id).json(body)
}

fn get(route: &str, id: &str) -> ApiRequest {
    request("GET", route, id)
}

fn delete(route: &str, id: &str) -> ApiRequest {
    request("DELETE", route, id)
}

async fn send(shop: &TestShop, request: ApiRequest) -> ApiResponse {
    request.send(&shop.order_service()).await
}

/// Stores a record and returns its entity tag.
async fn put_ok(shop: &TestShop, request: ApiRequest) -> String {
    let response = send(shop, request).await;
    assert!([200, 201].contains(&response.status), "{response:?}");
    response.header("etag").unwrap().to_owned()
}

fn order(customer: &str, product: &str) -> ApiRequest {
    let items = format!(r#"[{{"productId":"{product}","quantity":2}}]"#);
    ApiRequest::post("/order").json(format!(r#"{{"customerId":"{customer}","items":{items}}}"#))
}
