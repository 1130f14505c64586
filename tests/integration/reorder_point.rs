//! `PATCH /inventory/{productId}`: the reorder point of a product.

use domain::EventKind;
use serde_json::json;
use test_support::{ApiRequest, ApiResponse, AwsError, TestShop};

use crate::stock_conservation::event;

async fn patch(shop: &TestShop, product: &str, body: &str) -> ApiResponse {
    let request = ApiRequest::new("PATCH", "/inventory/{productId}").path("productId", product).json(body);
    request.send(&shop.inventory_service()).await
}

async fn show(shop: &TestShop, product: &str) -> String {
    let request = ApiRequest::get("/inventory/{productId}").path("productId", product);
    request.send(&shop.inventory_service()).await.body
}

#[tokio::test]
async fn sets_and_removes_the_reorder_point() {
    let shop = TestShop::seeded().await;
    for (units, shown) in [
        (20, r#"{"productId":"001","quantity":150,"reorderPoint":20}"#),
        (1_000_000, r#"{"productId":"001","quantity":150,"reorderPoint":1000000}"#),
        (0, r#"{"productId":"001","quantity":150}"#),
        (0, r#"{"productId":"001","quantity":150}"#),
    ] {
        let response = patch(&shop, "001", &format!(r#"{{"reorderPoint":{units}}}"#)).await;
        assert_eq!((response.status, response.body.as_str()), (200, shown));
        assert_eq!(show(&shop, "001").await, shown);
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"GetItem": 4, "UpdateItem": 4}));
    let stock = shop.stock_level("001").await;
    assert_eq!((stock.revision, stock.reorder_point), (5, None));
    assert_eq!(shop.stock_level("002").await.revision, 1);
    assert_eq!(shop.ledger_of("001").await.len(), 1, "a reorder point is no adjustment");
}

#[tokio::test]
async fn a_reservation_and_an_adjustment_keep_the_reorder_point() {
    let shop = TestShop::seeded().await;
    patch(&shop, "001", r#"{"reorderPoint":20}"#).await;
    shop.inventory_service().handle(event(EventKind::Placed, "o1")).await.unwrap();
    shop.inventory_service().handle(event(EventKind::Canceled, "o1")).await.unwrap();
    crate::adjustments::adjust("001", "k1", &crate::adjustments::counted(-1))
        .send(&shop.inventory_service())
        .await;
    assert_eq!(show(&shop, "001").await, r#"{"productId":"001","quantity":149,"reorderPoint":20}"#);
}

#[tokio::test]
async fn rejects_a_request_that_breaks_a_rule_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for (body, violation) in [
        ("{}", "#/reorderPoint required"),
        (r#"{"reorderPoint":null}"#, "#/reorderPoint required"),
        (r#"{"reorderPoint":-1}"#, "#/reorderPoint below-minimum"),
        (r#"{"reorderPoint":1000001}"#, "#/reorderPoint above-maximum"),
        (r#"{"reorderPoint":1.5}"#, "#/reorderPoint not-whole"),
        (r#"{"reorderPoint":"1"}"#, "#/reorderPoint type"),
        (r#"{"reorderPoint":1,"quantity":7}"#, "#/quantity unknown-field"),
    ] {
        let response = patch(&shop, "001", body).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{body}");
        let violations: Vec<_> =
            response.violations().iter().map(|(pointer, rule)| format!("{pointer} {rule}")).collect();
        assert_eq!(violations, [violation], "{body}");
    }
    assert_eq!(patch(&shop, "001", "{").await.problem(), (400, "not-json".into()));
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn returns_not_found_for_a_product_without_stock() {
    let shop = TestShop::seeded().await;
    crate::adjustments::add_product(&shop, "003").await;
    let before = shop.snapshot().await;
    for product in ["003", "404", "invalid id"] {
        let response = patch(&shop, product, r#"{"reorderPoint":1}"#).await;
        assert_eq!(response.problem(), (404, "not-found".into()), "{product}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn retries_a_conflict_and_returns_busy_when_it_persists() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("UpdateItem").times(2).fail(AwsError::transaction_conflict());
    assert_eq!(patch(&shop, "001", r#"{"reorderPoint":7}"#).await.status, 200);
    shop.proxy.on("UpdateItem").always().fail(AwsError::transaction_conflict());
    assert_eq!(patch(&shop, "001", r#"{"reorderPoint":8}"#).await.problem(), (503, "busy".into()));
    assert_eq!(shop.stock_level("001").await.reorder_point, Some(7));
}

#[tokio::test]
async fn a_lost_response_is_harmless() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("UpdateItem").drop_response();
    let response = patch(&shop, "001", r#"{"reorderPoint":7}"#).await;
    assert_eq!(response.json(), json!({"productId": "001", "quantity": 150, "reorderPoint": 7}));
}
