//! `POST /order/{orderId}/ship`: the carrier and the tracking number in the body.

use api::request::MAX_BODY_BYTES;
use domain::{EventKind, Order, OrderStatus};
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, EventDriver, TestShop, invocation};

const SHIPMENT: &str = r#"{"carrier":"DHL","trackingNumber":"JD01 4600 003RU"}"#;

fn ship() -> ApiRequest {
    ApiRequest::post("/order/{orderId}/ship").path("orderId", "001")
}

async fn shop_with_order_in(status: OrderStatus) -> TestShop {
    let shop = TestShop::seeded().await;
    shop.put_order(&Order { status, ..shop.order("001").await.unwrap() }).await;
    shop
}

/// Returns the carrier and the tracking number in a response.
fn shipment_of(response: &ApiResponse) -> (Value, Value) {
    assert_eq!(response.status, 200, "{}", response.body);
    let order = response.json();
    (order["carrier"].clone(), order["trackingNumber"].clone())
}

/// Returns the carrier and the tracking number that the order has.
async fn stored_shipment(shop: &TestShop) -> (Option<String>, Option<String>) {
    let shipment = shop.order("001").await.unwrap().shipment;
    (shipment.carrier.map(String::from), shipment.tracking_number.map(String::from))
}

#[tokio::test]
async fn stores_shows_and_publishes_carrier_and_tracking_number() {
    let shop = shop_with_order_in(OrderStatus::Confirmed).await;
    let mut driver = EventDriver::new(&shop).await;
    let expected = (json!("DHL"), json!("JD01 4600 003RU"));
    assert_eq!(shipment_of(&ship().json(SHIPMENT).send(&shop.order_service()).await), expected);
    let show = ApiRequest::get("/order/{orderId}").path("orderId", "001");
    assert_eq!(shipment_of(&show.send(&shop.order_service()).await), expected);
    driver.run().await;
    let [event] = shop.bus.published().try_into().unwrap();
    let detail = event.detail();
    assert_eq!((detail["detailType"].as_str(), &detail["carrier"]), (Some("OrderShipped"), &json!("DHL")));
    assert_eq!(detail["trackingNumber"], "JD01 4600 003RU");
    let deliver = ApiRequest::post("/order/{orderId}/deliver").path("orderId", "001");
    assert_eq!(shipment_of(&deliver.send(&shop.order_service()).await), expected);
}

#[tokio::test]
async fn needs_no_body() {
    let without_values = [
        ship(),
        ship().body(""),
        ship().header("Content-Type", "text/plain").body(""),
        ship().json("{}"),
        ship().json(r#"{"carrier":null,"trackingNumber":null}"#),
    ];
    for request in without_values {
        let shop = shop_with_order_in(OrderStatus::Confirmed).await;
        let mut driver = EventDriver::new(&shop).await;
        let response = request.send(&shop.order_service()).await;
        assert_eq!(shipment_of(&response), (Value::Null, Value::Null));
        driver.run().await;
        let [event] = shop.bus.published().try_into().unwrap();
        assert!(!event.detail_text().contains("carrier") && !event.detail_text().contains("tracking"));
    }
}

#[tokio::test]
async fn accepts_values_of_1_to_200_characters() {
    for length in [1, 200] {
        let shop = shop_with_order_in(OrderStatus::Confirmed).await;
        let value = "é".repeat(length);
        let body = json!({"carrier": value, "trackingNumber": value}).to_string();
        let response = ship().json(&body).send(&shop.order_service()).await;
        assert_eq!(shipment_of(&response), (json!(value), json!(value)));
        assert_eq!(stored_shipment(&shop).await, (Some(value.clone()), Some(value)));
    }
}

#[tokio::test]
async fn rejects_invalid_bodies_and_changes_nothing() {
    let shop = shop_with_order_in(OrderStatus::Confirmed).await;
    let before = shop.snapshot().await;
    let carrier = |value: &str| json!({"carrier": value}).to_string();
    for (body, pointer, rule) in [
        (carrier(""), "#/carrier", "format"),
        (carrier(&"x".repeat(201)), "#/carrier", "format"),
        (carrier("a\nb"), "#/carrier", "format"),
        (carrier("a\0"), "#/carrier", "format"),
        (carrier("\u{7f}"), "#/carrier", "format"),
        (carrier("a\u{202e}b"), "#/carrier", "format"),
        (carrier("a\u{200f}b"), "#/carrier", "format"),
        (carrier(" a"), "#/carrier", "format"),
        (json!({"trackingNumber": "x".repeat(201)}).to_string(), "#/trackingNumber", "format"),
        (r#"{"trackingNumber":4711}"#.to_owned(), "#/trackingNumber", "type"),
        (r#"{"carrier":["DHL"]}"#.to_owned(), "#/carrier", "type"),
        (r#"{"carrier":"DHL","weight":1}"#.to_owned(), "#/weight", "unknown-field"),
        (r#"{"carrier":"DHL","carrier":"DHL"}"#.to_owned(), "#/carrier", "duplicate-field"),
        ("[]".to_owned(), "#", "type"),
        ("null".to_owned(), "#", "type"),
    ] {
        let response = ship().json(&body).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{body}");
        assert_eq!(response.violations(), [(pointer.to_owned(), rule.to_owned())], "{body}");
    }
    for (request, problem) in [
        (ship().json("{"), (400, "not-json")),
        (ship().json(" "), (400, "not-json")),
        (ship().json("x".repeat(MAX_BODY_BYTES + 1)), (413, "too-large")),
        (ship().json(json!({"carrier": "x".repeat(1024 * 1024)}).to_string()), (413, "too-large")),
        (ship().header("Content-Type", "text/plain").body(SHIPMENT), (415, "unsupported-media-type")),
    ] {
        let response = request.send(&shop.order_service()).await;
        assert_eq!(response.problem(), (problem.0, problem.1.to_owned()));
    }
    assert_eq!(shop.snapshot().await, before);
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
}

#[tokio::test]
async fn a_repeated_request_may_omit_values_but_not_change_them() {
    let shop = shop_with_order_in(OrderStatus::Confirmed).await;
    let service = shop.order_service();
    let first = ship().json(SHIPMENT).send(&service).await;
    let shipped = shop.snapshot().await;
    let repeated = [SHIPMENT, "{}", r#"{"carrier":"DHL"}"#, r#"{"trackingNumber":"JD01 4600 003RU"}"#];
    for body in repeated {
        let response = ship().json(body).send(&service).await;
        assert_eq!((response.status, &response.body), (200, &first.body), "{body}");
    }
    assert_eq!(ship().send(&service).await.body, first.body);
    for other in [
        r#"{"carrier":"UPS"}"#,
        r#"{"carrier":"DHL","trackingNumber":"2"}"#,
        r#"{"carrier":"UPS","trackingNumber":"JD01 4600 003RU"}"#,
        r#"{"carrier":"dhl"}"#,
    ] {
        let response = ship().json(other).send(&service).await;
        assert_eq!(response.problem(), (409, "illegal-change".into()), "{other}");
    }
    assert_eq!(shop.snapshot().await, shipped);

    let shop = shop_with_order_in(OrderStatus::Confirmed).await;
    assert_eq!(ship().send(&shop.order_service()).await.status, 200);
    let added = ship().json(SHIPMENT).send(&shop.order_service()).await;
    assert_eq!(added.problem(), (409, "illegal-change".into()), "the event was published without values");
}

#[tokio::test]
async fn succeeds_if_the_response_of_the_table_is_lost() {
    let shop = shop_with_order_in(OrderStatus::Confirmed).await;
    shop.proxy.on("UpdateItem").drop_response();
    let response = ship().json(SHIPMENT).send(&shop.order_service()).await;
    assert_eq!(shipment_of(&response), (json!("DHL"), json!("JD01 4600 003RU")));
    assert_eq!(shop.metrics.order_counts(), [("Shipped".to_owned(), 1)].into());
}

#[tokio::test]
async fn an_event_of_another_producer_stores_its_values() {
    let detail = |shipment: &str| {
        format!(r#"{{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped"{shipment}}}"#)
    };
    for (shipment, expected) in [
        (r#","carrier":"DHL","trackingNumber":"42""#, (Some("DHL"), Some("42"))),
        (r#","carrier":"DHL""#, (Some("DHL"), None)),
        (r#","trackingNumber":"42","carrier":null"#, (None, Some("42"))),
        ("", (None, None)),
    ] {
        let shop = shop_with_order_in(OrderStatus::Confirmed).await;
        let event = || invocation::event(EventKind::Shipped.as_str(), &detail(shipment));
        shop.inventory_service().handle(event()).await.unwrap();
        let shipped = shop.snapshot().await;
        let expected = (expected.0.map(str::to_owned), expected.1.map(str::to_owned));
        assert_eq!(stored_shipment(&shop).await, expected, "{shipment}");
        assert_eq!(shop.order("001").await.unwrap().status, OrderStatus::Shipped);
        // A duplicate, and a late event with other values.
        shop.inventory_service().handle(event()).await.unwrap();
        let late = invocation::event("OrderShipped", &detail(r#","carrier":"UPS","trackingNumber":"43""#));
        shop.inventory_service().handle(late).await.unwrap();
        assert_eq!(shop.snapshot().await, shipped, "{shipment}");
    }
}

#[tokio::test]
async fn an_event_with_an_invalid_value_is_applied_without_it() {
    for shipment in [r#""carrier":"""#, r#""carrier":{"name":"DHL"}"#, r#""trackingNumber":"a\u202eb""#] {
        let shop = shop_with_order_in(OrderStatus::Confirmed).await;
        let detail = format!(
            r#"{{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped",{shipment}}}"#
        );
        shop.inventory_service().handle(invocation::event("OrderShipped", &detail)).await.unwrap();
        let order = shop.order("001").await.unwrap();
        assert_eq!(order.status, OrderStatus::Shipped, "{shipment}");
        assert_eq!((order.shipment.carrier, order.shipment.tracking_number), (None, None), "{shipment}");
    }
}
