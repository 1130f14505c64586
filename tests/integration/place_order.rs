//! `POST /order`: stored orders, rejected requests and failures of DynamoDB.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use api::documents::OrderDocument;
use domain::{EventKind, OrderStatus};
use dynamodb::{number, text};
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, AwsError, TestShop, invocation};

pub(crate) const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

/// Returns the JSON of [`ORDER`] with an expected total.
pub(crate) fn order_with_total(total: &str) -> String {
    let fields = ORDER.strip_suffix('}').unwrap();
    format!(r#"{fields},"totalAmount":{total}}}"#)
}

pub(crate) fn place(body: &str) -> ApiRequest {
    ApiRequest::post("/order").json(body)
}

pub(crate) fn place_with_key(key: &str, body: &str) -> ApiRequest {
    place(body).header("Idempotency-Key", key)
}

#[tokio::test]
async fn stores_an_order_with_catalog_prices_and_its_event() {
    let shop = TestShop::seeded().await;
    let response = place(ORDER).header("X-Correlation-Id", "c-1").send(&shop.order_service()).await;
    assert_eq!(response.status, 201);
    assert_eq!(response.header("x-correlation-id"), Some("c-1"));
    let id = response.json()["orderId"].as_str().unwrap().to_owned();
    assert_eq!(response.header("location"), Some(format!("/Prod/order/{id}").as_str()));
    assert!(
        response.body.contains(r#""productId":"001","quantity":2,"unitPrice":79.99"#),
        "{}",
        response.body
    );
    assert!(response.body.contains(r#""totalAmount":359.97"#), "{}", response.body);

    let stored = shop.stored_order(&id).await.unwrap();
    let order = &stored.order;
    assert_eq!(order.status, OrderStatus::Placed);
    assert_eq!(serde_json::to_string(&OrderDocument::from(order)).unwrap(), response.body);
    let event = stored.outbox.unwrap();
    assert_eq!((event.kind, event.correlation_id.as_str()), (EventKind::Placed, "c-1"));
    assert!(!order.stock_reserved);
}

#[tokio::test]
async fn places_an_order_in_two_round_trips() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    assert_eq!(place(ORDER).send(&service).await.status, 201);
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"BatchGetItem": 1, "PutItem": 1}));
    assert!(shop.bus.calls().is_empty());
}

#[tokio::test]
async fn reads_only_the_customer_and_the_prices_consistently() {
    let shop = TestShop::seeded().await;
    assert_eq!(place(ORDER).send(&shop.order_service()).await.status, 201);
    let [request] = shop.proxy.requests("BatchGetItem").try_into().unwrap();
    let table = |keys: Value, projection: &str| json!({"Keys": keys, "ConsistentRead": true, "ProjectionExpression": projection});
    let expected = json!({
        &shop.tables.customers: table(json!([{"CustomerId": {"S": "001"}}]), "CustomerId"),
        &shop.tables.products: table(
            json!([{"ProductId": {"S": "001"}}, {"ProductId": {"S": "002"}}]),
            "ProductId, Price"
        ),
    });
    assert_eq!(request["RequestItems"], expected);
}

#[tokio::test]
async fn rejects_each_invalid_request_with_its_problem_and_writes_nothing() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let gold = [("ProductId", text("gold")), ("Name", text("Gold")), ("Price", number("99999999999"))];
    shop.put(&shop.tables.products, gold.map(|(name, value)| (name.to_owned(), value)).into()).await;
    let before = shop.snapshot().await;
    let item = |item: &str| format!(r#"{{"customerId":"001","items":[{item}]}}"#);
    let quantity = |quantity: &str| item(&format!(r#"{{"productId":"001","quantity":{quantity}}}"#));
    let products: Vec<_> = (0..51).map(|n| format!(r#"{{"productId":"p{n}","quantity":1}}"#)).collect();
    let too_expensive = r#"{"customerId":"001","items":[{"productId":"gold","quantity":1000}]}"#;
    let cases = [
        (item(r#"{"productId":"001","quantity":1,"price":0.01}"#), "#/items/0/price", "price-not-accepted"),
        (
            item(r#"{"productId":"001","quantity":1,"unitPrice":1}"#),
            "#/items/0/unitPrice",
            "price-not-accepted",
        ),
        (item(r#"{"productId":"001","quantity":1,"gift":true}"#), "#/items/0/gift", "unknown-field"),
        (
            r#"{"customerId":"001","items":[{"productId":"001","quantity":1}],"x":1}"#.into(),
            "#/x",
            "unknown-field",
        ),
        (quantity("0"), "#/items/0/quantity", "below-minimum"),
        (quantity("-1"), "#/items/0/quantity", "below-minimum"),
        (quantity("1.5"), "#/items/0/quantity", "not-whole"),
        (quantity("1e3"), "#/items/0/quantity", "not-whole"),
        (quantity("1001"), "#/items/0/quantity", "above-maximum"),
        (quantity("18446744073709551617"), "#/items/0/quantity", "above-maximum"),
        (quantity(r#""1""#), "#/items/0/quantity", "type"),
        (
            item(r#"{"productId":"001","quantity":999},{"productId":"001","quantity":2}"#),
            "#/items",
            "above-maximum",
        ),
        (item(""), "#/items", "empty"),
        (item(&products.join(",")), "#/items", "too-many"),
        (item(r#"{"productId":"no such","quantity":1}"#), "#/items/0/productId", "format"),
        (item(r#"{"productId":"404","quantity":1}"#), "#/items", "unknown-product"),
        (r#"{"items":[{"productId":"001","quantity":1}]}"#.into(), "#/customerId", "required"),
        (ORDER.replace("\"001\",\"items\"", "\"404\",\"items\""), "#/customerId", "unknown-customer"),
        (too_expensive.into(), "#/items", "above-maximum"),
        (order_with_total("1.005"), "#/totalAmount", "too-precise"),
    ];

    let mut distinct = BTreeSet::new();
    for (body, pointer, rule) in cases {
        let response = place(&body).send(&service).await;
        assert_eq!(response.problem(), (422, "invalid".to_owned()), "{body}");
        assert_eq!(response.violations(), [(pointer.to_owned(), rule.to_owned())], "{body}");
        distinct.insert((pointer.to_owned(), rule.to_owned()));
    }
    assert!(distinct.len() > 15);

    let other_problems = [
        (place("{"), 400, "not-json"),
        (place(""), 400, "not-json"),
        (place(&format!("{}{ORDER}", " ".repeat(1024 * 1024))), 413, "too-large"),
        (
            ApiRequest::post("/order").header("Content-Type", "text/xml").body("<order/>"),
            415,
            "unsupported-media-type",
        ),
        (place(&order_with_total("359.96")), 409, "total-differs"),
        (place_with_key("a b", ORDER), 422, "invalid"),
        (place_with_key("ключ", ORDER), 422, "invalid"),
        (place_with_key("", ORDER), 422, "invalid"),
    ];
    for (request, status, kind) in other_problems {
        let response = request.send(&service).await;
        assert_eq!(response.problem(), (status, kind.to_owned()), "{response:?}");
    }
    assert_eq!(shop.proxy.calls("PutItem"), 0);
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn reports_all_violations_together() {
    let shop = TestShop::seeded().await;
    let body =
        r#"{"customerId":"","items":[{"productId":"001","quantity":0},{"quantity":1,"price":1}],"x":1}"#;
    let response = place_with_key("a b", body).send(&shop.order_service()).await;
    let pointers: BTreeSet<_> = response.violations().into_iter().map(|(pointer, _)| pointer).collect();
    let expected = [
        "#/customerId",
        "#/items/0/quantity",
        "#/items/1/price",
        "#/items/1/productId",
        "#/x",
        "Idempotency-Key",
    ];
    assert_eq!(pointers, expected.map(str::to_owned).into());
    assert!(shop.proxy.calls_by_operation().is_empty());
}

#[tokio::test]
async fn reports_all_unknown_ids_together() {
    let shop = TestShop::seeded().await;
    let body =
        r#"{"customerId":"404","items":[{"productId":"404","quantity":1},{"productId":"405","quantity":1}]}"#;
    let violations = place(body).send(&shop.order_service()).await.violations();
    let rules: Vec<_> = violations.iter().map(|(_, rule)| rule.as_str()).collect();
    assert_eq!(rules, ["unknown-customer", "unknown-product", "unknown-product"]);
}

#[tokio::test]
async fn accepts_an_expected_total_that_matches_the_catalog() {
    let shop = TestShop::seeded().await;
    let response = place(&order_with_total("359.970")).send(&shop.order_service()).await;
    assert_eq!(response.status, 201);
}

#[tokio::test]
async fn retries_unprocessed_keys() {
    let shop = TestShop::seeded().await;
    for keys in [3, 2, 1] {
        shop.proxy.on("BatchGetItem").leave_keys_unprocessed(keys);
    }
    assert_eq!(place(ORDER).send(&shop.order_service()).await.status, 201);
    assert_eq!(shop.proxy.calls("BatchGetItem"), 4);
}

#[tokio::test]
async fn reports_busy_when_keys_stay_unprocessed() {
    for keys in 1..=3 {
        let shop = TestShop::seeded().await;
        shop.proxy.on("BatchGetItem").always().leave_keys_unprocessed(keys);
        let response = place(ORDER).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (503, "busy".to_owned()));
        assert_eq!(shop.proxy.calls("PutItem"), 0);
    }
}

#[tokio::test]
async fn retries_throttling_errors_and_conflicts() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("BatchGetItem").fail(AwsError::throttled());
    shop.proxy.on("BatchGetItem").fail(AwsError::internal());
    shop.proxy.on("PutItem").times(2).fail(AwsError::transaction_conflict());
    assert_eq!(place(ORDER).send(&shop.order_service()).await.status, 201);
}

#[tokio::test]
async fn reports_busy_and_writes_nothing_when_throttling_persists() {
    for (operation, request) in [
        ("BatchGetItem", place(ORDER)),
        ("BatchGetItem", place_with_key("k1", ORDER)),
        ("PutItem", place_with_key("k1", ORDER)),
    ] {
        let shop = TestShop::seeded().await;
        let before = shop.snapshot().await;
        shop.proxy.on(operation).always().fail(AwsError::throttled());
        let response = request.send(&shop.order_service()).await;
        assert_eq!(response.problem(), (503, "busy".to_owned()), "{operation}");
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.json()["orderId"], Value::Null);
        assert_eq!(shop.snapshot().await, before);
    }
}

#[tokio::test]
async fn names_the_order_that_a_request_without_a_key_may_have_placed() {
    for takes_effect in [true, false] {
        let shop = TestShop::seeded().await;
        let rule = shop.proxy.on("PutItem").always();
        if takes_effect {
            rule.drop_response();
        } else {
            rule.drop_request();
        }
        let response = place(ORDER).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (503, "busy".to_owned()));
        assert_eq!(response.header("retry-after"), None, "a retry could place a second order");
        let id = response.json()["orderId"].as_str().unwrap().to_owned();
        assert_eq!(shop.order(&id).await.is_some(), takes_effect);
    }
}

#[tokio::test]
async fn a_retry_with_a_key_places_one_order_if_every_response_is_lost() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("PutItem").always().drop_response();
    let lost = place_with_key("k1", ORDER).send(&shop.order_service()).await;
    assert_eq!(
        (lost.status, lost.header("retry-after"), &lost.json()["orderId"]),
        (503, Some("1"), &Value::Null)
    );
    shop.proxy.reset();
    assert_eq!(place_with_key("k1", ORDER).send(&shop.order_service()).await.status, 201);
    assert_eq!(shop.orders().await.len(), 2, "the seeded order and this one");
}

#[tokio::test]
async fn responds_before_api_gateway_gives_up() {
    // API Gateway waits 29 seconds, and the function's timeout is 30: both are 28 seconds shorter here.
    for operation in ["BatchGetItem", "PutItem"] {
        let shop = TestShop::seeded().await;
        let _never_opened = shop.proxy.on(operation).always().hold_request();
        let (service, started) = (shop.order_service(), Instant::now());
        let invocation =
            invocation::with_remaining_time(place(ORDER).invocation(), Duration::from_millis(4_500));
        let response = ApiResponse::of(&service.handle(invocation).await.unwrap());
        assert_eq!(response.problem(), (503, "busy".to_owned()), "{operation}");
        assert_eq!(response.json()["orderId"].is_string(), operation == "PutItem");
        assert!(response.header("x-correlation-id").is_some());
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(2), "{operation} took {elapsed:?}");
    }
}

#[tokio::test]
async fn reports_an_internal_error_without_details_for_an_undecodable_product() {
    let shop = TestShop::seeded().await;
    let mut product = shop.snapshot().await.products["001"].clone();
    product.remove("Price");
    shop.put(&shop.tables.products, product).await;
    let response = place(ORDER).send(&shop.order_service()).await;
    assert_eq!(response.problem(), (500, "internal".to_owned()));
    assert!(!response.body.contains("Price"), "{}", response.body);
}
