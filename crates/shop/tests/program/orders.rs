//! Orders of a test shop.

use serde_json::json;
use test_support::{ApiRequest, TestShop};

/// Places an order of this many units of product 001 and one of 002, and returns its id.
pub(crate) async fn place(shop: &TestShop, quantity: u32) -> String {
    let items = json!([{"productId": "001", "quantity": quantity}, {"productId": "002", "quantity": 1}]);
    let body = json!({"customerId": "001", "items": items}).to_string();
    let response = ApiRequest::post("/order").json(body).send(&shop.order_service()).await;
    assert_eq!(response.status, 201, "{response:?}");
    response.json()["orderId"].as_str().unwrap().to_owned()
}

/// Cancels, ships or delivers an order.
pub(crate) async fn change_status(shop: &TestShop, action: &str, id: &str) {
    let request = ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id);
    let response = request.send(&shop.order_service()).await;
    assert_eq!(response.status, 200, "{response:?}");
}
