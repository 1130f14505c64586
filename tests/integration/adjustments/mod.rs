//! Adjustments of stock and the ledger that records them.

use test_support::{ApiRequest, ApiResponse, TestShop};

mod concurrency;
mod creation;
mod faults;
mod idempotency;
mod lists;
mod units;
mod validation;

pub(crate) const ADJUSTMENTS: &str = "/inventory/{productId}/adjustments";
pub(crate) const ADJUSTMENT: &str = "/inventory/{productId}/adjustments/{adjustmentId}";

/// Returns a request for an adjustment with an idempotency key.
pub(crate) fn adjust(product: &str, key: &str, body: &str) -> ApiRequest {
    ApiRequest::post(ADJUSTMENTS).path("productId", product).header("Idempotency-Key", key).json(body)
}

/// Returns a body that adds units, or removes them if the delta is negative.
pub(crate) fn counted(delta: i64) -> String {
    format!(r#"{{"delta":{delta},"reason":"counted"}}"#)
}

async fn send(shop: &TestShop, request: ApiRequest) -> ApiResponse {
    request.send(&shop.inventory_service()).await
}

/// Adjusts the stock of product 001, and returns the id of the adjustment.
async fn adjust_001(shop: &TestShop, key: &str, delta: i64) -> String {
    let response = send(shop, adjust("001", key, &counted(delta))).await;
    assert_eq!(response.status, 201, "{response:?}");
    response.json()["adjustmentId"].as_str().unwrap().to_owned()
}

/// Adds a product to the catalog. It has no stock item.
pub(crate) async fn add_product(shop: &TestShop, id: &str) {
    let mut product = shop.snapshot().await.products["001"].clone();
    product.insert("ProductId".into(), dynamodb::text(id));
    shop.put(&shop.tables.products, product).await;
}
