//! Identifiers in paths and bodies.

use std::collections::BTreeSet;

use domain::OrderId;
use serde_json::json;
use test_support::{ApiRequest, ApiResponse, TestShop};

use crate::adjustments::{ADJUSTMENT, ADJUSTMENTS};

use super::{INVALID_IDENTIFIERS, orders_of, place};

/// Valid identifiers that have a meaning in other contexts.
const UNUSUAL_IDENTIFIERS: [&str; 8] = [".", "..", "-", "--", "__proto__", "null", "OrderId", "NaN"];

fn order_routes() -> [ApiRequest; 4] {
    [
        ApiRequest::get("/order/{orderId}"),
        ApiRequest::post("/order/{orderId}/cancel"),
        ApiRequest::post("/order/{orderId}/ship"),
        ApiRequest::post("/order/{orderId}/deliver"),
    ]
}

fn stock_routes() -> [ApiRequest; 5] {
    let adjustment = r#"{"delta":1,"reason":"other"}"#;
    [
        ApiRequest::get("/inventory/{productId}"),
        ApiRequest::new("PATCH", "/inventory/{productId}").json(r#"{"reorderPoint":1}"#),
        ApiRequest::post(ADJUSTMENTS).header("Idempotency-Key", "key-1").json(adjustment),
        ApiRequest::get(ADJUSTMENTS),
        ApiRequest::get(ADJUSTMENT),
    ]
}

fn record_routes() -> [ApiRequest; 4] {
    [
        ApiRequest::get("/customers/{customerId}"),
        ApiRequest::delete("/customers/{customerId}"),
        ApiRequest::get("/products/{productId}"),
        ApiRequest::delete("/products/{productId}"),
    ]
}

/// Returns a request to each route that creates a record with the identifier in its path.
fn creations(name: &str) -> [ApiRequest; 2] {
    [
        ApiRequest::put("/customers/{customerId}").json(r#"{"email":"a@b","name":"A"}"#),
        ApiRequest::put("/products/{productId}").json(r#"{"name":"A","price":1}"#),
    ]
    .map(|request| request.path("customerId", name).path("productId", name))
}

/// Sends a request with this identifier to every route with a path parameter.
async fn request_everywhere(shop: &TestShop, name: &str) -> Vec<ApiResponse> {
    let orders = shop.order_service();
    let mut responses = Vec::new();
    for request in order_routes() {
        responses.push(request.path("orderId", name).send(&orders).await);
    }
    responses.push(orders_of(name).send(&orders).await);
    for request in record_routes() {
        let request = request.path("customerId", name).path("productId", name);
        responses.push(request.send(&orders).await);
    }
    for request in stock_routes() {
        let request = request.path("productId", name);
        responses.push(request.path("adjustmentId", name).send(&shop.inventory_service()).await);
    }
    responses
}

#[tokio::test]
async fn returns_not_found_for_an_invalid_identifier_without_a_call() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let long = "x".repeat(OrderId::MAX_LENGTH + 1);
    let longer = "0".repeat(10 * 1024);
    for name in INVALID_IDENTIFIERS.into_iter().chain([long.as_str(), &longer]) {
        let mut responses = request_everywhere(&shop, name).await;
        for request in creations(name) {
            responses.push(request.send(&shop.order_service()).await);
        }
        for response in responses {
            assert_eq!(response.problem(), (404, "not-found".into()), "{name:?}");
            assert!(
                name.trim().is_empty() || !response.body.contains(name),
                "{name:?} is returned in {}",
                response.body
            );
        }
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn treats_an_unusual_identifier_as_plain_data() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for name in UNUSUAL_IDENTIFIERS {
        for response in request_everywhere(&shop, name).await {
            assert_eq!(response.problem(), (404, "not-found".into()), "{name:?}");
        }
    }
    // The update of a stock item has the key ProductId.
    let updates = || {
        let requests = shop.proxy.requests("UpdateItem").into_iter();
        requests.filter(|request| request["TableName"] == shop.tables.orders.as_str())
    };
    let keys: Vec<_> = updates().map(|request| request["Key"]["OrderId"]["S"].clone()).collect();
    assert_eq!(keys, UNUSUAL_IDENTIFIERS.map(|name| [name; 3]).concat());
    // The expressions do not depend on the identifier.
    for field in ["UpdateExpression", "ConditionExpression"] {
        let mut texts: Vec<_> = updates().map(|request| request[field].to_string()).collect();
        texts.sort();
        texts.dedup();
        assert!(texts.len() <= 3, "{field}: {texts:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn rejects_an_order_with_invalid_identifiers() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for name in INVALID_IDENTIFIERS {
        let body = json!({"customerId": name, "items": [{"productId": name, "quantity": 1}]});
        let response = place(body.to_string()).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{name:?}");
        let expected = ["#/customerId", "#/items/0/productId"].map(|at| (at.to_owned(), "format".to_owned()));
        assert_eq!(response.violations(), expected, "{name:?}");
        // The text is invalid as a field name too.
        let mut body = json!({"customerId": "001", "items": [{"productId": "001", "quantity": 1}]});
        body[name] = 1.into();
        let response = place(body.to_string()).send(&shop.order_service()).await;
        let violations = response.violations();
        assert_eq!((violations.len(), violations[0].1.as_str()), (1, "unknown-field"), "{name:?}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "#/-._~%".contains(c);
        assert!(violations[0].0.chars().all(plain), "{violations:?}");
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn creates_records_with_unusual_identifiers() {
    let shop = TestShop::empty().await;
    for name in UNUSUAL_IDENTIFIERS {
        for request in creations(name) {
            assert_eq!(request.send(&shop.order_service()).await.status, 201, "{name:?}");
        }
    }
    let stored = shop.snapshot().await;
    let expected = UNUSUAL_IDENTIFIERS.map(str::to_owned).into();
    assert_eq!(stored.customers.into_keys().collect::<BTreeSet<_>>(), expected);
    assert_eq!(stored.products.into_keys().collect::<BTreeSet<_>>(), expected);
}
