//! Logs of requests and events about stock.

use serde_json::json;
use test_support::{ApiRequest, TestShop, invocation};

use super::{EMAIL, Log, NOTE, TOKEN, invoke};
use crate::adjustments::{ADJUSTMENT, ADJUSTMENTS};

/// Returns requests about stock: valid ones with a note, and some with a secret in every place.
fn stock_requests(key: &str) -> Vec<ApiRequest> {
    let mut requests = Vec::new();
    for id in ["001", "404", EMAIL] {
        let of_product = |request: ApiRequest| request.path("productId", id).path("adjustmentId", id);
        let adjustment = || of_product(ApiRequest::post(ADJUSTMENTS)).header("Idempotency-Key", key);
        let patch = || of_product(ApiRequest::new("PATCH", "/inventory/{productId}"));
        requests.extend([
            adjustment().json(json!({"delta": 1, "reason": "other", "note": NOTE}).to_string()),
            adjustment().json(json!({"delta": -1_000_000, "reason": "other", "note": EMAIL}).to_string()),
            adjustment().json(json!({"delta": EMAIL, "reason": TOKEN, "note": NOTE.repeat(50)}).to_string()),
            adjustment().json(EMAIL),
            patch().json(r#"{"reorderPoint":1}"#),
            patch().json(json!({"reorderPoint": EMAIL, EMAIL: NOTE}).to_string()),
            of_product(ApiRequest::get(ADJUSTMENTS)).query("nextToken", TOKEN),
            of_product(ApiRequest::get(ADJUSTMENT)),
            ApiRequest::get("/inventory").query("limit", EMAIL).query("nextToken", TOKEN),
        ]);
    }
    requests
}

#[tokio::test]
async fn requests_and_events_about_stock_leave_no_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let service = shop.inventory_service();
    let (log, _guard) = Log::capture();
    let requests: Vec<_> = ["k1", EMAIL].iter().flat_map(|key| stock_requests(key)).collect();
    let sent = requests.len();
    for request in requests {
        invoke(&service, request.header("Authorization", TOKEN).invocation()).await;
    }
    let received = json!({"detailType": "StockReceived", "receiptId": "r-1", "productId": "001", "quantity": 1,
        "reason": "received", "metadata": {"eventId": "e1", "occurredAt": "2025-01-01T00:00:00Z",
        "schemaVersion": 1, "correlationId": "c1"}});
    for pointer in ["/detailType", "/receiptId", "/productId", "/quantity", "/reason", "/metadata/eventId"] {
        for secret in [EMAIL, TOKEN, &format!("{EMAIL}\", expected {NOTE}")] {
            let mut event = received.clone();
            *event.pointer_mut(pointer).unwrap() = secret.into();
            invoke(&service, invocation::stock_received(&event.to_string())).await;
            invoke(&service, invocation::event_from("ecommerce.warehouse", secret, &event.to_string())).await;
        }
    }
    assert!(log.lines().iter().any(|line| line.contains("stock adjusted")));
    assert!(log.assert_no_secret() > sent, "each response is logged");
}

#[tokio::test]
async fn logs_a_receipt_with_its_ids_and_outcome() {
    let shop = TestShop::seeded().await;
    let (log, _guard) = Log::capture();
    let received = r#"{"receiptId":"r-7","productId":"001","quantity":1,"reason":"received"}"#;
    invoke(&shop.inventory_service(), invocation::stock_received(received)).await;
    let ids = [r#""receiptId":"r-7""#, r#""productId":"001""#, r#""correlationId":"r-7""#];
    let lines = log.lines();
    let line = lines.iter().find(|line| line.contains(r#""outcome":"stock adjusted""#));
    let line = line.unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(ids.iter().all(|id| line.contains(id)), "{line}");
}
