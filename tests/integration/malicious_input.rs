//! Clients and producers that mean harm: whatever they send is refused by a
//! rule or kept as plain data.

use std::fmt::Write as _;

use domain::{CorrelationId, IdempotencyKey, OrderId, OrderStatus};
use inventory_service::MALFORMED_EVENT;
use lambda_support::rest::MAX_BODY_BYTES;
use serde_json::json;
use test_support::{ApiRequest, ApiResponse, TestShop, invocation};

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

/// What is an expression, a path, a query or markup to somebody, and an
/// identifier to nobody.
const NO_IDENTIFIERS: [&str; 30] = [
    "",
    " ",
    "001 ",
    " 001",
    "001\n",
    "001\r\nSet-Cookie: a=b",
    "001\0",
    "\0",
    "\u{7f}",
    "\u{1b}[31m",
    "a' OR '1'='1",
    "001'; DROP TABLE Orders;--",
    "#attr",
    ":v0",
    ":customer",
    "attribute_exists(OrderId)",
    "{\"$gt\":\"\"}",
    "{\"S\":\"001\"}",
    "../",
    "../../etc/passwd",
    "..\\..",
    "%30%30%31",
    "%2e%2e%2f",
    "001?limit=1",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    // Look like 001 and order: full width, Cyrillic, combining, right to left.
    "\u{ff10}\u{ff10}\u{ff11}",
    "\u{43e}rder",
    "0\u{301}01",
    "\u{202e}100",
];

/// Identifiers by their letters, that mean something elsewhere.
const ODD_IDENTIFIERS: [&str; 8] = [".", "..", "-", "--", "__proto__", "null", "OrderId", "NaN"];

fn routes_of_orders() -> [ApiRequest; 4] {
    [
        ApiRequest::get("/order/{orderId}"),
        ApiRequest::post("/order/{orderId}/cancel"),
        ApiRequest::post("/order/{orderId}/ship"),
        ApiRequest::post("/order/{orderId}/deliver"),
    ]
}

fn place(body: impl Into<String>) -> ApiRequest {
    ApiRequest::post("/order").json(body)
}

fn orders_of(customer: &str) -> ApiRequest {
    ApiRequest::get("/customers/{customerId}/orders").path("customerId", customer)
}

fn base64_url(text: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

/// Asks every route that names something for something of this name.
async fn ask_everywhere(shop: &TestShop, name: &str) -> Vec<ApiResponse> {
    let orders = shop.order_service();
    let mut responses = Vec::new();
    for request in routes_of_orders() {
        responses.push(request.path("orderId", name).send(&orders).await);
    }
    responses.push(orders_of(name).send(&orders).await);
    responses.push(ApiRequest::get("/products/{productId}").path("productId", name).send(&orders).await);
    let stock = ApiRequest::get("/inventory/{productId}").path("productId", name);
    responses.push(stock.send(&shop.inventory_service()).await);
    responses
}

#[tokio::test]
async fn what_is_no_identifier_names_nothing_and_reaches_no_table() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let long = "x".repeat(OrderId::MAX_LENGTH + 1);
    let longer = "0".repeat(10 * 1024);
    for name in NO_IDENTIFIERS.into_iter().chain([long.as_str(), &longer]) {
        for response in ask_everywhere(&shop, name).await {
            assert_eq!(response.problem(), (404, "not-found".into()), "{name:?}");
            assert!(
                name.trim().is_empty() || !response.body.contains(name),
                "{name:?} comes back in {}",
                response.body
            );
        }
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn an_odd_identifier_is_plain_data() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for name in ODD_IDENTIFIERS {
        for response in ask_everywhere(&shop, name).await {
            assert_eq!(response.problem(), (404, "not-found".into()), "{name:?}");
        }
    }
    let keys: Vec<_> = shop
        .proxy
        .requests("UpdateItem")
        .iter()
        .map(|request| request["Key"]["OrderId"]["S"].clone())
        .collect();
    assert_eq!(keys, ODD_IDENTIFIERS.map(|name| [name; 3]).concat());
    // The expressions are the same, whatever the identifier.
    for field in ["UpdateExpression", "ConditionExpression"] {
        let mut texts: Vec<_> =
            shop.proxy.requests("UpdateItem").iter().map(|request| request[field].to_string()).collect();
        texts.sort();
        texts.dedup();
        assert!(texts.len() <= 3, "{field}: {texts:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn what_is_no_identifier_cannot_be_ordered_with() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for name in NO_IDENTIFIERS {
        let body = json!({"customerId": name, "items": [{"productId": name, "quantity": 1}]});
        let response = place(body.to_string()).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{name:?}");
        let faults = ["#/customerId", "#/items/0/productId"].map(|at| (at.to_owned(), "format".to_owned()));
        assert_eq!(response.violations(), faults, "{name:?}");
        // Nor as the name of a field.
        let mut body = json!({"customerId": "001", "items": [{"productId": "001", "quantity": 1}]});
        body[name] = 1.into();
        let response = place(body.to_string()).send(&shop.order_service()).await;
        let faults = response.violations();
        assert_eq!((faults.len(), faults[0].1.as_str()), (1, "unknown-field"), "{name:?}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "#/-._~%".contains(c);
        assert!(faults[0].0.chars().all(plain), "{faults:?}");
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn an_idempotency_key_is_plain_data() {
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
    let made = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), made);
    assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'5'), "{ids:?}");

    let before = shop.snapshot().await;
    for key in ["", " ", "a b", "a\tb", "ключ", &"!".repeat(256), &"!".repeat(10 * 1024)] {
        let response = place(ORDER).header("Idempotency-Key", key).send(&service).await;
        assert_eq!(response.violations(), [("Idempotency-Key".to_owned(), "format".to_owned())], "{key:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn a_correlation_id_that_is_none_is_replaced_wherever_it_would_go() {
    let shop = TestShop::seeded().await;
    let longest = "c".repeat(CorrelationId::MAX_LENGTH);
    let kept = place(ORDER).header("X-Correlation-Id", &longest).send(&shop.order_service()).await;
    assert_eq!(kept.header("x-correlation-id"), Some(longest.as_str()));
    let too_long = "c".repeat(CorrelationId::MAX_LENGTH + 1);
    let much_too_long = "c".repeat(10 * 1024);
    for id in NO_IDENTIFIERS.into_iter().chain([too_long.as_str(), &much_too_long]) {
        // What can be no value of a header does not come through API Gateway either.
        if id.contains(['\n', '\r', '\0', '\u{1b}', '\u{7f}']) {
            continue;
        }
        let response = place(ORDER).header("X-Correlation-Id", id).send(&shop.order_service()).await;
        assert_eq!(response.status, 201, "{id:?}");
        let given = response.header("x-correlation-id").unwrap();
        assert!(given != id && given.parse::<CorrelationId>().is_ok(), "{id:?} became {given:?}");
        let stored = shop.order(response.json()["orderId"].as_str().unwrap()).await.unwrap();
        assert_eq!(stored.event.unwrap().correlation_id.as_str(), given, "{id:?}");
    }
}

#[tokio::test]
async fn a_header_that_is_none_is_an_error_of_the_invocation_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for value in ["a\nb", "a\r\nX-Other: b", "a\0b"] {
        let request = place(ORDER).header("X-Correlation-Id", value);
        let failure = shop.order_service().handle(request.invocation()).await.unwrap_err();
        assert_eq!(failure.error_type, "UnsupportedTrigger", "{value:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}

/// What no reader of JSON may choke on, and where the answer says it is wrong.
#[tokio::test]
async fn a_body_made_to_hurt_a_parser_is_refused() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let digits = "9".repeat(60_000);
    let with_customer = |value: &str| ORDER.replacen("\"001\"", value, 1);
    let with_total = |value: &str| ORDER.replace("]}", &format!("],\"totalAmount\":{value}}}"));
    let with_quantity = |value: &str| ORDER.replace(":2}", &format!(":{value}}}"));
    let cases = [
        ("[".repeat(60_000), 400, ""),
        (nested(30_000), 422, "# type"),
        (with_customer(&nested(30_000)), 422, "#/customerId type"),
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
    for (body, status, fault) in cases {
        let start: String = body.chars().take(80).collect();
        let response = place(body).send(&shop.order_service()).await;
        let kind = if status == 400 { "not-json" } else { "invalid" };
        assert_eq!(response.problem(), (status, kind.into()), "{start}");
        let faults: Vec<_> = response.violations().iter().map(|(at, rule)| format!("{at} {rule}")).collect();
        assert_eq!(faults.join(" "), fault, "{start}");
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn the_size_of_a_body_is_counted_in_bytes_however_it_comes() {
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
async fn an_answer_to_a_body_full_of_faults_stays_small() {
    let shop = TestShop::seeded().await;
    let fields = (0..5_000).fold(String::new(), |mut fields, n| {
        write!(fields, ",\"{n}\":0").unwrap();
        fields
    });
    let many = ORDER.replace("]}", &format!("]{fields}}}"));
    let long = ORDER.replace("]}", &format!("],\"{}\":0}}", "é".repeat(30_000)));
    for (body, faults) in [(many, 100), (long, 1)] {
        let response = place(body).send(&shop.order_service()).await;
        assert_eq!((response.problem(), response.violations().len()), ((422, "invalid".into()), faults));
        // Percent-encoding makes three characters of a byte, and no more.
        assert!(response.body.len() < 4 * MAX_BODY_BYTES, "{} bytes", response.body.len());
    }
}

#[tokio::test]
async fn a_token_opens_no_list_but_its_own() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    for (id, customer) in [("mine-1", "002"), ("mine-2", "002"), ("theirs", "001")] {
        let mut order = shop.order("001").await.unwrap();
        (order.id, order.customer_id) = (id.parse().unwrap(), customer.parse().unwrap());
        shop.put_order(&order).await;
    }
    let first = orders_of("002").query("limit", "1").send(&service).await;
    let token = first.json()["nextToken"].as_str().unwrap().to_owned();
    assert_eq!(orders_of("002").query("nextToken", &token).send(&service).await.status, 200);

    let mut tampered = vec![
        base64_url("theirs"),
        base64_url("001"),
        base64_url("mine-3"),
        base64_url("mine-1\0"),
        base64_url("mine-1\n"),
        base64_url(" mine-1"),
        base64_url("#attr"),
        base64_url("a' OR '1'='1"),
        base64_url("{\"OrderId\":{\"S\":\"theirs\"}}"),
        base64_url([0xff, 0xfe]),
        base64_url("x".repeat(65)),
        base64_url("x".repeat(7_500)),
        "A".repeat(10 * 1024),
        format!("{token}="),
        format!("{token}A"),
        format!(" {token}"),
        token[1..].to_owned(),
        token.to_uppercase(),
    ];
    // Another character at each place.
    tampered.extend((0..token.len()).map(|n| {
        let other = if &token[n..=n] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &token[..n], &token[n + 1..])
    }));
    for token in tampered {
        let response = orders_of("002").query("nextToken", &token).send(&service).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{token}");
        assert_eq!(response.violations(), [("nextToken".to_owned(), "invalid-token".to_owned())], "{token}");
    }
    let response = orders_of("001").query("nextToken", &token).send(&service).await;
    assert_eq!(response.problem(), (422, "invalid".into()), "a token of another customer's list");
}

#[tokio::test]
async fn a_token_of_another_list_or_of_no_product_opens_no_catalogue() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = ApiRequest::get("/products").query("limit", "1").send(&service).await;
    let token = first.json()["nextToken"].as_str().unwrap().to_owned();
    assert_eq!(ApiRequest::get("/products").query("nextToken", &token).send(&service).await.status, 200);
    let mut order = shop.order("001").await.unwrap();
    order.id = "an-order".parse().unwrap();
    shop.put_order(&order).await;
    for token in [base64_url("an-order"), base64_url("zzz"), base64_url("00"), format!("{token}A")] {
        let response = ApiRequest::get("/products").query("nextToken", &token).send(&service).await;
        assert_eq!(response.violations(), [("nextToken".to_owned(), "invalid-token".to_owned())], "{token}");
    }
}

#[tokio::test]
async fn a_token_without_the_form_of_one_reaches_no_table() {
    let shop = TestShop::seeded().await;
    for token in ["", "?", "A".repeat(10 * 1024).as_str(), &base64_url("a b"), &base64_url("x".repeat(65))] {
        for request in [orders_of("001"), ApiRequest::get("/products")] {
            let response = request.query("nextToken", token).send(&shop.order_service()).await;
            assert_eq!(
                response.violations(),
                [("nextToken".to_owned(), "invalid-token".to_owned())],
                "{token}"
            );
        }
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
}

/// Whoever may put events on the bus is not to be trusted with their content either.
#[tokio::test]
async fn an_event_made_to_hurt_is_malformed_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let placed = r#"{"detailType":"OrderPlaced","orderId":"evil","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":79.99}"#;
    let at = |time: &str| {
        let metadata = json!({"eventId": "e", "occurredAt": time, "schemaVersion": 1, "correlationId": "c"});
        placed.replace("79.99}", &format!("79.99,\"metadata\":{metadata}}}"))
    };
    let mut details = vec![
        placed.replace("\"evil\"", &nested(10_000)),
        placed.replacen('{', &format!("{{\"gained\":{},\"orderStatus\":1,", nested(10_000)), 1),
        placed.replacen('{', "{\"orderId\":\"001\",", 1),
        placed.replace(":1}", ":4294967297}"),
        placed.replace(":1}", ":1e0}"),
        placed.replace("79.99", "1e400"),
        placed.replace("79.99", "-0.01"),
        placed.replace("79.99", "\"79.99\""),
        // Its text in UTC could not be read again.
        at("0000-01-01T00:00:00+00:01"),
        at("9999-12-31T23:59:59-00:01"),
        at("2025-02-30T00:00:00Z"),
    ];
    for name in NO_IDENTIFIERS {
        details.push(placed.replace("\"evil\"", &json!(name).to_string()));
        details.push(placed.replace("\"productId\":\"001\"", &format!("\"productId\":{}", json!(name))));
    }
    for detail in details {
        let start: String = detail.chars().take(200).collect();
        let event = invocation::event("OrderPlaced", &detail);
        let failure = shop.inventory_service().handle(event).await.unwrap_err();
        assert_eq!(failure.error_type, MALFORMED_EVENT, "{start}: {failure}");
    }
    assert_eq!(shop.snapshot().await, before);
    assert_eq!(shop.order("001").await.unwrap().status, OrderStatus::Placed);
}
