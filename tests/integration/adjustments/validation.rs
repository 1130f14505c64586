//! Requests for adjustments that break a rule. They change nothing.

use test_support::{ApiRequest, TestShop};

use super::{ADJUSTMENTS, adjust, counted, send};

fn with_note(note: &str) -> String {
    format!(r#"{{"delta":1,"reason":"other","note":{note}}}"#)
}

fn note_of(length: usize) -> String {
    with_note(&format!("\"{}\"", "é".repeat(length)))
}

#[tokio::test]
async fn reports_each_broken_rule_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for (body, violation) in [
        (counted(0), "#/delta range"),
        (counted(1_000_001), "#/delta above-maximum"),
        (counted(-1_000_001), "#/delta below-minimum"),
        (r#"{"delta":1.5,"reason":"lost"}"#.to_owned(), "#/delta not-whole"),
        (r#"{"delta":1e3,"reason":"lost"}"#.to_owned(), "#/delta not-whole"),
        (r#"{"delta":"1","reason":"lost"}"#.to_owned(), "#/delta type"),
        (r#"{"reason":"lost"}"#.to_owned(), "#/delta required"),
        (r#"{"delta":1}"#.to_owned(), "#/reason required"),
        (r#"{"delta":1,"reason":"stolen"}"#.to_owned(), "#/reason format"),
        (r#"{"delta":1,"reason":"lost","quantity":7}"#.to_owned(), "#/quantity unknown-field"),
        (note_of(0), "#/note format"),
        (note_of(201), "#/note format"),
        (with_note(r#""one\ntwo""#), "#/note format"),
        (with_note(r#""\u0000""#), "#/note format"),
        (with_note(r#""\u202e001""#), "#/note format"),
        (with_note(r#""\u2067001""#), "#/note format"),
        (with_note("\" x\""), "#/note format"),
    ] {
        let response = send(&shop, adjust("001", "k1", &body)).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{body}");
        let violations: Vec<_> =
            response.violations().iter().map(|(pointer, rule)| format!("{pointer} {rule}")).collect();
        assert_eq!(violations, [violation], "{body}");
    }
    assert_eq!(shop.proxy.calls("TransactWriteItems"), 0);
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn accepts_the_limits_of_each_rule() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 1_000_000).await;
    let reasons = ["received", "returned", "damaged", "lost", "counted", "other"];
    let bodies = reasons.map(|reason| format!(r#"{{"delta":1,"reason":"{reason}"}}"#));
    let bodies = bodies.into_iter().chain([
        counted(1_000_000),
        counted(-1_000_000),
        note_of(1),
        note_of(200),
        with_note("null"),
    ]);
    for (n, body) in bodies.enumerate() {
        let response = send(&shop, adjust("001", &format!("k{n}"), &body)).await;
        assert_eq!(response.status, 201, "{body}: {response:?}");
    }
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn requires_a_valid_idempotency_key() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let without_key = ApiRequest::post(ADJUSTMENTS).path("productId", "001").json(counted(1));
    let long = "k".repeat(256);
    let requests = [
        (without_key, "required"),
        (adjust("001", "", &counted(1)), "format"),
        (adjust("001", "a b", &counted(1)), "format"),
        (adjust("001", &long, &counted(1)), "format"),
        (adjust("001", "ключ", &counted(1)), "format"),
    ];
    for (request, rule) in requests {
        let response = send(&shop, request).await;
        assert_eq!(response.problem(), (422, "invalid".into()));
        assert_eq!(response.violations(), [("Idempotency-Key".to_owned(), rule.to_owned())]);
    }
    assert_eq!(shop.snapshot().await, before);
    assert_eq!(send(&shop, adjust("001", &"k".repeat(255), &counted(1))).await.status, 201);
}

#[tokio::test]
async fn reports_the_violations_of_body_and_key_together() {
    let shop = TestShop::seeded().await;
    let response = send(&shop, adjust("001", "a b", r#"{"delta":0,"reason":"x"}"#)).await;
    let pointers: Vec<_> = response.violations().into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["#/delta", "#/reason", "Idempotency-Key"]);
}

#[tokio::test]
async fn rejects_a_body_that_is_not_json_or_too_large() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let text = adjust("001", "k1", &counted(1)).header("Content-Type", "text/plain");
    let megabyte = format!("{}{}", counted(1), " ".repeat(1024 * 1024));
    for (request, problem) in [
        (adjust("001", "k1", "{"), (400, "not-json")),
        (adjust("001", "k1", ""), (400, "not-json")),
        (text, (415, "unsupported-media-type")),
        (adjust("001", "k1", &megabyte), (413, "too-large")),
    ] {
        assert_eq!(send(&shop, request).await.problem(), (problem.0, problem.1.to_owned()));
    }
    assert_eq!(shop.snapshot().await, before);
}
