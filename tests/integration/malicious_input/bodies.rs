//! Request bodies: malformed JSON, extreme numbers, large bodies and many violations.

use std::fmt::Write as _;

use api::request::MAX_BODY_BYTES;
use serde_json::json;
use test_support::{ApiRequest, TestShop};

use super::{ORDER, nested_arrays, place};

#[tokio::test]
async fn rejects_a_body_that_attacks_the_parser() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let digits = "9".repeat(60_000);
    let with_customer = |value: &str| ORDER.replacen("\"001\"", value, 1);
    let with_total = |value: &str| ORDER.replace("]}", &format!("],\"totalAmount\":{value}}}"));
    let with_quantity = |value: &str| ORDER.replace(":2}", &format!(":{value}}}"));
    let cases = [
        ("[".repeat(60_000), 400, ""),
        (nested_arrays(30_000), 422, "# type"),
        (with_customer(&nested_arrays(30_000)), 422, "#/customerId type"),
        (format!("\u{feff}{ORDER}"), 400, ""),
        (format!("{ORDER}{ORDER}"), 400, ""),
        (ORDER.replace('"', "'"), 400, ""),
        ("null".into(), 422, "# type"),
        ("7".into(), 422, "# type"),
        ("[]".into(), 422, "# type"),
        (with_customer("\"\\ud800\""), 422, "#/customerId type"),
        (with_customer("\"\\u0000\""), 422, "#/customerId format"),
        (with_customer(&format!("\"{digits}\"")), 422, "#/customerId format"),
        (ORDER.replacen('{', "{\"customerId\":\"002\",", 1), 422, "#/customerId duplicate-field"),
        (ORDER.replacen('{', "{\"customer\\u0049d\":\"002\",", 1), 422, "#/customerId duplicate-field"),
        (ORDER.replace(":2}", ":2,\"quantity\":1}"), 422, "#/items/0/quantity duplicate-field"),
        (ORDER.replacen('{', "{\"__proto__\":{\"x\":1},", 1), 422, "#/__proto__ unknown-field"),
        (with_quantity(&digits), 422, "#/items/0/quantity above-maximum"),
        (with_quantity(&format!("-{digits}")), 422, "#/items/0/quantity below-minimum"),
        (with_quantity("1e400"), 422, "#/items/0/quantity not-whole"),
        (with_quantity("-0"), 422, "#/items/0/quantity below-minimum"),
        (with_quantity("4294967298"), 422, "#/items/0/quantity above-maximum"),
        (with_quantity("NaN"), 400, ""),
        (with_quantity("0x1"), 400, ""),
        (with_quantity("01"), 400, ""),
        (with_total(&digits), 422, "#/totalAmount above-maximum"),
        (with_total("1e400"), 422, "#/totalAmount above-maximum"),
        (with_total("1e99999999999999999999"), 422, "#/totalAmount above-maximum"),
        (with_total("-1e400"), 422, "#/totalAmount below-minimum"),
        (with_total("1e-400"), 422, "#/totalAmount too-precise"),
        (with_total("1e-99999999999999999999"), 422, "#/totalAmount too-precise"),
        (with_total(&format!("0.{digits}")), 422, "#/totalAmount too-precise"),
        (with_total("Infinity"), 400, ""),
    ];
    for (body, status, expected) in cases {
        let start: String = body.chars().take(80).collect();
        let response = place(body).send(&shop.order_service()).await;
        let kind = if status == 400 { "not-json" } else { "invalid" };
        assert_eq!(response.problem(), (status, kind.into()), "{start}");
        let violations: Vec<_> =
            response.violations().iter().map(|(pointer, rule)| format!("{pointer} {rule}")).collect();
        assert_eq!(violations.join(" "), expected, "{start}");
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn rejects_a_body_larger_than_the_limit_in_bytes() {
    use base64::Engine as _;
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let padded = |bytes: usize| format!("{ORDER}{}", " ".repeat(bytes - ORDER.len()));
    let encoded = |body: &str| base64::prelude::BASE64_STANDARD.encode(body);
    let binary = |body: &str| ApiRequest::post("/order").base64_body(encoded(body));
    assert_eq!(place(padded(MAX_BODY_BYTES)).send(&service).await.status, 201);
    assert_eq!(binary(&padded(MAX_BODY_BYTES)).send(&service).await.status, 201);
    let before = shop.snapshot().await;
    let two_bytes_each = ORDER.replacen("001", &"é".repeat(MAX_BODY_BYTES / 2), 1);
    for request in [
        place(padded(MAX_BODY_BYTES + 1)),
        binary(&padded(MAX_BODY_BYTES + 1)),
        place(two_bytes_each),
        binary(&padded(5 * 1024 * 1024)),
    ] {
        assert_eq!(request.send(&service).await.problem(), (413, "too-large".into()));
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn limits_the_size_of_the_response_to_many_violations() {
    let shop = TestShop::seeded().await;
    let fields = (0..5_000).fold(String::new(), |mut fields, n| {
        write!(fields, ",\"{n}\":0").unwrap();
        fields
    });
    let many = ORDER.replace("]}", &format!("]{fields}}}"));
    let long = ORDER.replace("]}", &format!("],\"{}\":0}}", "é".repeat(30_000)));
    for (body, violations) in [(many, 100), (long, 1)] {
        let response = place(body).send(&shop.order_service()).await;
        assert_eq!((response.problem(), response.violations().len()), ((422, "invalid".into()), violations));
        // Percent-encoding turns one byte into at most three characters.
        assert!(response.body.len() < 4 * MAX_BODY_BYTES, "{} bytes", response.body.len());
    }
}
