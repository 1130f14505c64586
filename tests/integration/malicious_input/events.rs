//! Events from the bus.

use domain::OrderStatus;
use inventory_service::MALFORMED_EVENT;
use serde_json::json;
use test_support::{TestShop, invocation};

use super::{INVALID_IDENTIFIERS, nested_arrays};

#[tokio::test]
async fn rejects_a_malicious_event_as_malformed_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let placed = r#"{"detailType":"OrderPlaced","orderId":"evil","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":79.99}"#;
    let at = |time: &str| {
        let metadata = json!({"eventId": "e", "occurredAt": time, "schemaVersion": 1, "correlationId": "c"});
        placed.replace("79.99}", &format!("79.99,\"metadata\":{metadata}}}"))
    };
    let mut details = vec![
        placed.replace("\"evil\"", &nested_arrays(10_000)),
        placed.replacen('{', &format!("{{\"added\":{},\"orderStatus\":1,", nested_arrays(10_000)), 1),
        placed.replacen('{', "{\"orderId\":\"001\",", 1),
        placed.replace(":1}", ":4294967297}"),
        placed.replace(":1}", ":1e0}"),
        placed.replace("79.99", "1e400"),
        placed.replace("79.99", "-0.01"),
        placed.replace("79.99", "\"79.99\""),
        // These times are outside the supported years in UTC, or do not exist.
        at("0000-01-01T00:00:00+00:01"),
        at("9999-12-31T23:59:59-00:01"),
        at("2025-02-30T00:00:00Z"),
    ];
    for name in INVALID_IDENTIFIERS {
        details.push(placed.replace("\"evil\"", &json!(name).to_string()));
        details.push(placed.replace("\"productId\":\"001\"", &format!("\"productId\":{}", json!(name))));
    }
    for detail in details {
        let start: String = detail.chars().take(200).collect();
        let event = invocation::event("OrderPlaced", &detail);
        let error = shop.inventory_service().handle(event).await.unwrap_err();
        assert_eq!(error.error_type, MALFORMED_EVENT, "{start}: {error}");
    }
    let received = r#"{"receiptId":"r-1","productId":"001","quantity":40,"reason":"received"}"#;
    let mut details = vec![
        received.replace("\"r-1\"", &nested_arrays(10_000)),
        received.replacen('{', "{\"productId\":\"002\",", 1),
        received.replace("40", "4294967297"),
        received.replace("40", "4e1"),
        received.replace("40", "\"40\""),
    ];
    for name in INVALID_IDENTIFIERS {
        details.push(received.replace("\"r-1\"", &json!(name).to_string()));
        details.push(received.replace("\"001\"", &json!(name).to_string()));
    }
    for detail in details {
        let start: String = detail.chars().take(200).collect();
        let error = shop.inventory_service().handle(invocation::stock_received(&detail)).await.unwrap_err();
        assert_eq!(error.error_type, MALFORMED_EVENT, "{start}: {error}");
    }
    assert_eq!(shop.snapshot().await, before);
    assert_eq!(shop.order("001").await.unwrap().status, OrderStatus::Placed);
}
