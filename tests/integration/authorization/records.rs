//! Authorization of the routes of customers and products.

use domain::OrderStatus;
use serde_json::json;
use test_support::{ApiRequest, TestShop};

use super::Sender::{Administrator, Customer, Fulfillment, OtherCustomer, OtherScope, SignedIn};
use super::{assert_outcomes, problem, send, without_access};

/// Returns a request to each route of a customer, and the status of its success.
fn customer_requests(id: &str) -> [(ApiRequest, u16); 3] {
    let path = "/customers/{customerId}";
    let body = r#"{"email":"alice@example.com","name":"Alice"}"#;
    [(ApiRequest::put(path).json(body), 200), (ApiRequest::get(path), 200), (ApiRequest::delete(path), 204)]
        .map(|(request, status)| (request.path("customerId", id), status))
}

/// Returns a request to each route that changes a product, and the status of its success.
fn product_requests(id: &str) -> [(ApiRequest, u16); 2] {
    let path = "/products/{productId}";
    let body = r#"{"name":"Watch","price":99.95}"#;
    [(ApiRequest::put(path).json(body), 200), (ApiRequest::delete(path), 204)]
        .map(|(request, status)| (request.path("productId", id), status))
}

#[tokio::test]
async fn only_the_customer_and_an_administrator_can_manage_a_customer() {
    for (request, status) in customer_requests("001") {
        let expected = |sender| match sender {
            Customer | SignedIn | Administrator => (status, String::new()),
            _ => without_access(sender),
        };
        assert_outcomes(request, OrderStatus::Placed, expected).await;
    }
}

#[tokio::test]
async fn a_customer_can_create_only_their_own_record() {
    let shop = TestShop::empty().await;
    let [(own, _), ..] = customer_requests("001");
    assert_eq!(send(&shop, &OtherCustomer.authenticate(own.clone())).await.status, 403);
    assert_eq!(shop.snapshot().await.customers.len(), 0);
    assert_eq!(send(&shop, &Customer.authenticate(own)).await.status, 201);
    let [(another, _), ..] = customer_requests("new");
    assert_eq!(send(&shop, &Customer.authenticate(another.clone())).await.status, 403);
    assert_eq!(send(&shop, &Administrator.authenticate(another)).await.status, 201);
}

#[tokio::test]
async fn only_an_administrator_can_manage_products() {
    for (request, status) in product_requests("001") {
        let expected = |sender| match sender {
            Administrator => (status, String::new()),
            _ => without_access(sender),
        };
        assert_outcomes(request, OrderStatus::Placed, expected).await;
    }
}

#[tokio::test]
async fn does_not_reveal_which_customers_exist_or_validate_their_data() {
    let shop = TestShop::seeded().await;
    for sender in [OtherCustomer, Fulfillment, OtherScope] {
        for id in ["001", "404", "invalid id"] {
            let broken = ApiRequest::put("/customers/{customerId}").path("customerId", id).json("{");
            for request in customer_requests(id).map(|(request, _)| request).into_iter().chain([broken]) {
                let response = send(&shop, &sender.authenticate(request)).await;
                assert_eq!(response.problem(), problem(403, "forbidden"), "{sender:?} {id}");
            }
        }
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}), "a rejected request reads nothing");
}
