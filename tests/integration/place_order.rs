//! `POST /order`: what is stored, what is refused, and what a retry gets.

use std::collections::BTreeSet;

use domain::{EventKind, OrderStatus};
use serde_json::{Value, json};
use test_support::{ApiRequest, AwsError, TestShop, concurrently};

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

fn place(body: &str) -> ApiRequest {
    ApiRequest::post("/order").json(body)
}

fn place_under(key: &str, body: &str) -> ApiRequest {
    place(body).header("Idempotency-Key", key)
}

#[tokio::test]
async fn an_order_is_stored_at_the_catalogues_prices_with_the_event_that_says_so() {
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

    let order = shop.order(&id).await.unwrap();
    assert_eq!(order.status, OrderStatus::Placed);
    assert_eq!(serde_json::to_string(&order).unwrap(), response.body);
    let event = order.event.unwrap();
    assert_eq!((event.kind, event.correlation_id.as_str()), (EventKind::Placed, "c-1"));
    assert!(!order.stock_reserved);
}

#[tokio::test]
async fn an_order_is_placed_in_two_round_trips() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    assert_eq!(place(ORDER).send(&service).await.status, 201);
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"BatchGetItem": 1, "PutItem": 1}));
    assert!(shop.bus.calls().is_empty());
}

#[tokio::test]
async fn customer_and_prices_are_read_as_they_are_now_and_nothing_else_is() {
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
async fn every_bad_request_gets_its_own_error_and_writes_nothing() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
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
        (ORDER.replace("]}", r#"],"totalAmount":1.005}"#), "#/totalAmount", "too-precise"),
    ];
    let gold =
        [("ProductId", "gold"), ("Name", "Gold")].map(|(name, value)| (name.to_owned(), tables::text(value)));
    let mut gold = tables::Item::from(gold);
    gold.insert("Price".into(), tables::number("99999999999"));
    shop.put(&shop.tables.products, gold).await;
    let before = test_support::Snapshot { products: shop.snapshot().await.products, ..before };

    let mut seen = BTreeSet::new();
    for (body, pointer, rule) in cases {
        let response = place(&body).send(&service).await;
        assert_eq!(response.problem(), (422, "invalid".to_owned()), "{body}");
        assert_eq!(response.violations(), [(pointer.to_owned(), rule.to_owned())], "{body}");
        seen.insert((pointer.to_owned(), rule.to_owned()));
    }
    assert!(seen.len() > 15);

    let others = [
        (place("{"), 400, "not-json"),
        (place(""), 400, "not-json"),
        (place(&format!("{}{ORDER}", " ".repeat(1024 * 1024))), 413, "too-large"),
        (
            ApiRequest::post("/order").header("Content-Type", "text/xml").body("<order/>"),
            415,
            "unsupported-media-type",
        ),
        (place(&ORDER.replace("]}", r#"],"totalAmount":359.96}"#)), 409, "total-differs"),
        (place_under("a b", ORDER), 422, "invalid"),
        (place_under("ключ", ORDER), 422, "invalid"),
        (place_under("", ORDER), 422, "invalid"),
    ];
    for (request, status, kind) in others {
        let response = request.send(&service).await;
        assert_eq!(response.problem(), (status, kind.to_owned()), "{response:?}");
    }
    assert_eq!(shop.proxy.calls("PutItem"), 0);
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let shop = TestShop::seeded().await;
    let body =
        r#"{"customerId":"","items":[{"productId":"001","quantity":0},{"quantity":1,"price":1}],"x":1}"#;
    let response = place_under("a b", body).send(&shop.order_service()).await;
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
async fn every_unknown_name_is_told_at_once() {
    let shop = TestShop::seeded().await;
    let body =
        r#"{"customerId":"404","items":[{"productId":"404","quantity":1},{"productId":"405","quantity":1}]}"#;
    let faults = place(body).send(&shop.order_service()).await.violations();
    let rules: Vec<_> = faults.iter().map(|(_, rule)| rule.as_str()).collect();
    assert_eq!(rules, ["unknown-customer", "unknown-product", "unknown-product"]);
}

#[tokio::test]
async fn a_stated_total_that_is_right_is_accepted() {
    let shop = TestShop::seeded().await;
    let response =
        place(&ORDER.replace("]}", r#"],"totalAmount":359.970}"#)).send(&shop.order_service()).await;
    assert_eq!(response.status, 201);
}

#[tokio::test]
async fn fifty_requests_at_once_under_one_key_make_one_order_and_get_one_answer() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let request = place_under("key-1", ORDER);
    let responses = concurrently((0..50).map(|_| request.send(&service))).await;
    let answers: BTreeSet<_> = responses
        .iter()
        .map(|response| (response.status, &response.body, response.header("location")))
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(responses[0].status, 201);
    let new: Vec<_> = shop.orders().await.into_iter().filter(|order| order.request_hash.is_some()).collect();
    assert_eq!(new.len(), 1);
    assert_eq!(shop.proxy.calls("PutItem"), 50);
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_whatever_has_happened_since() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_under("key-1", ORDER).send(&service).await;
    let id = first.json()["orderId"].as_str().unwrap().to_owned();

    let cancel = ApiRequest::post("/order/{orderId}/cancel").path("orderId", &id);
    assert_eq!(cancel.send(&service).await.status, 200);
    let retry = place_under("key-1", ORDER).send(&service).await;
    assert_eq!((retry.status, &retry.body), (201, &first.body));
    assert_eq!(retry.header("location"), first.header("location"));

    let mut product = shop.snapshot().await.products["001"].clone();
    product.insert("Price".into(), tables::number("1.00"));
    shop.put(&shop.tables.products, product).await;
    assert_eq!(place_under("key-1", ORDER).send(&service).await.body, first.body);

    let request = shop.direct_client().delete_item().table_name(&shop.tables.products);
    request.key("ProductId", tables::text("002")).send().await.unwrap();
    let retry = place_under("key-1", ORDER).send(&service).await;
    assert_eq!((retry.status, retry.body), (201, first.body));
}

#[tokio::test]
async fn a_total_that_was_right_once_is_no_reason_to_refuse_a_retry() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let body = ORDER.replace("]}", r#"],"totalAmount":359.97}"#);
    let first = place_under("key-1", &body).send(&service).await;
    let mut product = shop.snapshot().await.products["001"].clone();
    product.insert("Price".into(), tables::number("1.00"));
    shop.put(&shop.tables.products, product).await;
    assert_eq!(place_under("key-1", &body).send(&service).await.body, first.body);
    let response = place_under("key-2", &body).send(&service).await;
    assert_eq!(response.problem(), (409, "total-differs".into()));
    assert_eq!(response.violations(), [("#/totalAmount".into(), "total-differs".into())]);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_customer() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_under("key-1", ORDER).send(&service).await;
    let before = shop.snapshot().await;

    let same_in_other_words = r#"{"items":[{"productId":"002","quantity":1},{"productId":"001","quantity":1},
        {"quantity":1,"productId":"001"}],"customerId":"001"}"#;
    assert_eq!(place_under("key-1", same_in_other_words).send(&service).await.body, first.body);
    for other in
        [ORDER.replace("\"quantity\":2", "\"quantity\":3"), ORDER.replace("]}", r#"],"totalAmount":359.97}"#)]
    {
        let response = place_under("key-1", &other).send(&service).await;
        assert_eq!(response.problem(), (422, "idempotency-key-reused".to_owned()), "{other}");
    }
    assert_eq!(shop.snapshot().await, before);

    let other_customer = place_under("key-1", &ORDER.replacen("001", "002", 1)).send(&service).await;
    assert_eq!(other_customer.status, 201);
    assert_ne!(other_customer.json()["orderId"], first.json()["orderId"]);
}

#[tokio::test]
async fn a_key_that_an_order_from_the_bus_holds_already_is_not_answered_with_that_order() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_under("key-1", ORDER).send(&service).await;
    let mut foreign = shop.order(first.json()["orderId"].as_str().unwrap()).await.unwrap();
    foreign.request_hash = None;
    shop.put_order(&foreign).await;
    let retry = place_under("key-1", ORDER).send(&service).await;
    assert_eq!(retry.problem(), (422, "idempotency-key-reused".into()));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_makes_one_order_with_or_without_a_key() {
    for request in [place(ORDER), place_under("key-1", ORDER)] {
        let shop = TestShop::seeded().await;
        let before = shop.orders().await.len();
        shop.proxy.on("PutItem").drop_response();
        let response = request.send(&shop.order_service()).await;
        assert_eq!(response.status, 201);
        assert_eq!(shop.proxy.calls("PutItem"), 2);
        assert_eq!(shop.orders().await.len(), before + 1);
        let stored = shop.order(response.json()["orderId"].as_str().unwrap()).await.unwrap();
        assert_eq!(serde_json::to_string(&stored).unwrap(), response.body);
    }
}

#[tokio::test]
async fn a_client_that_gives_up_and_tries_again_still_has_one_order() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let gate = shop.proxy.on("PutItem").hold_request();
    let request = place_under("key-1", ORDER);
    let first = request.send(&service);
    let second = async {
        gate.reached().await;
        let second = request.send(&service).await;
        gate.open();
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.status, first.body), (201, second.body));
}

#[tokio::test]
async fn keys_that_a_batch_leaves_out_are_asked_for_again() {
    let shop = TestShop::seeded().await;
    for keys in [3, 2, 1] {
        shop.proxy.on("BatchGetItem").leave_keys_unprocessed(keys);
    }
    assert_eq!(place(ORDER).send(&shop.order_service()).await.status, 201);
    assert_eq!(shop.proxy.calls("BatchGetItem"), 4);
}

#[tokio::test]
async fn keys_that_are_left_out_for_good_are_no_unknown_customers_or_products() {
    for keys in 1..=3 {
        let shop = TestShop::seeded().await;
        shop.proxy.on("BatchGetItem").always().leave_keys_unprocessed(keys);
        let response = place(ORDER).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (503, "busy".to_owned()));
        assert_eq!(shop.proxy.calls("PutItem"), 0);
    }
}

#[tokio::test]
async fn throttling_and_conflicts_that_pass_are_not_seen_by_the_client() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("BatchGetItem").fail(AwsError::throttled());
    shop.proxy.on("BatchGetItem").fail(AwsError::internal());
    shop.proxy.on("PutItem").times(2).fail(AwsError::transaction_conflict());
    assert_eq!(place(ORDER).send(&shop.order_service()).await.status, 201);
}

#[tokio::test]
async fn throttling_that_lasts_asks_the_client_to_come_back_and_writes_nothing() {
    for operation in ["BatchGetItem", "PutItem"] {
        let shop = TestShop::seeded().await;
        let before = shop.snapshot().await;
        shop.proxy.on(operation).always().fail(AwsError::throttled());
        let response = place(ORDER).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (503, "busy".to_owned()), "{operation}");
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(shop.snapshot().await, before);
    }
}

#[tokio::test]
async fn a_catalogue_in_disorder_is_our_fault_and_not_told_to_the_client() {
    let shop = TestShop::seeded().await;
    let mut product = shop.snapshot().await.products["001"].clone();
    product.remove("Price");
    shop.put(&shop.tables.products, product).await;
    let response = place(ORDER).send(&shop.order_service()).await;
    assert_eq!(response.problem(), (500, "internal".to_owned()));
    assert!(!response.body.contains("Price"), "{}", response.body);
}
