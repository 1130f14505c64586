//! Idempotency keys, correlation ids and invalid header values.

use domain::{CorrelationId, IdempotencyKey};
use test_support::TestShop;

use super::{INVALID_IDENTIFIERS, ORDER, place};

#[tokio::test]
async fn treats_an_idempotency_key_as_plain_data() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let longest = "!".repeat(IdempotencyKey::MAX_LENGTH);
    let mut ids = Vec::new();
    for key in ["'OR'1'='1", "#attr", ":v0", "../../001", "{\"$gt\":\"\"}", "001/key", "%00", "<b>", &longest]
    {
        let request = place(ORDER).header("Idempotency-Key", key);
        let response = request.send(&service).await;
        assert_eq!(response.status, 201, "{key}: {response:?}");
        assert_eq!(request.send(&service).await.body, response.body, "{key}");
        ids.push(response.json()["orderId"].as_str().unwrap().to_owned());
    }
    let created = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), created);
    assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'5'), "{ids:?}");

    let before = shop.snapshot().await;
    for key in ["", " ", "a b", "a\tb", "ключ", &"!".repeat(256), &"!".repeat(10 * 1024)] {
        let response = place(ORDER).header("Idempotency-Key", key).send(&service).await;
        assert_eq!(response.violations(), [("Idempotency-Key".to_owned(), "format".to_owned())], "{key:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn replaces_an_invalid_correlation_id() {
    let shop = TestShop::seeded().await;
    let longest = "c".repeat(CorrelationId::MAX_LENGTH);
    let accepted = place(ORDER).header("X-Correlation-Id", &longest).send(&shop.order_service()).await;
    assert_eq!(accepted.header("x-correlation-id"), Some(longest.as_str()));
    let too_long = "c".repeat(CorrelationId::MAX_LENGTH + 1);
    let much_too_long = "c".repeat(10 * 1024);
    for id in INVALID_IDENTIFIERS.into_iter().chain([too_long.as_str(), &much_too_long]) {
        // API Gateway does not pass on characters that a header value must not have.
        if id.contains(['\n', '\r', '\0', '\u{1b}', '\u{7f}']) {
            continue;
        }
        let response = place(ORDER).header("X-Correlation-Id", id).send(&shop.order_service()).await;
        assert_eq!(response.status, 201, "{id:?}");
        let assigned = response.header("x-correlation-id").unwrap();
        assert!(assigned != id && assigned.parse::<CorrelationId>().is_ok(), "{id:?} became {assigned:?}");
        let stored = shop.stored_order(response.json()["orderId"].as_str().unwrap()).await.unwrap();
        assert_eq!(stored.outbox.unwrap().correlation_id.as_str(), assigned, "{id:?}");
    }
}

#[tokio::test]
async fn fails_an_invocation_with_an_invalid_header_value_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for value in ["a\nb", "a\r\nX-Other: b", "a\0b"] {
        let request = place(ORDER).header("X-Correlation-Id", value);
        let error = shop.order_service().handle(request.invocation()).await.unwrap_err();
        assert_eq!(error.error_type, "UnsupportedTrigger", "{value:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}
