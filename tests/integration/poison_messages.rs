//! Records and events that can never be processed. Each ends in the dead-letter queue once, with its
//! reason, and does not block the ones after it.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{EventKind, Order, OrderStatus, OutboxEvent, Quantity, Shortage, UnpublishableEvent};
use dynamodb::StoredOrder;
use dynamodb::{Item, text};
use serde_json::{Value, json};
use test_support::{ApiRequest, AwsError, BusBehavior, Entry, EventDriver, TestShop};

use OrderStatus::{Canceled, Confirmed};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":2}]}"#;

/// Places an order, and returns its id.
pub(crate) async fn place(shop: &TestShop) -> String {
    let response = ApiRequest::post("/order").json(ORDER).send(&shop.order_service()).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.json()["orderId"].as_str().unwrap().to_owned()
}

/// Stores an order with an event in its outbox, after `corrupt` has changed its item.
async fn store(shop: &TestShop, id: &str, corrupt: impl FnOnce(&mut Item)) {
    let seed = shop.order("001").await.unwrap();
    let id = id.parse().unwrap();
    let event = OutboxEvent::new(&id, EventKind::Placed, seed.created_at, "c-1".parse().unwrap());
    let mut item =
        dynamodb::encode_order(&StoredOrder { outbox: Some(event), ..Order { id, ..seed }.into() });
    corrupt(&mut item);
    shop.put(&shop.tables.orders, item).await;
}

fn set_unknown_status(item: &mut Item) {
    item.insert("OrderStatus".into(), text("Lost"));
}

async fn status(shop: &TestShop, id: &str) -> OrderStatus {
    shop.order(id).await.unwrap().status
}

/// Returns the details of the unhandled events in the dead-letter queue.
fn unhandled_details(driver: &EventDriver<'_>) -> Vec<Value> {
    driver.unhandled_messages().iter().map(|message| message["requestPayload"]["detail"].clone()).collect()
}

/// Publishes an event of any type, as another producer does.
async fn publish(shop: &TestShop, detail_type: &str, detail: &str) {
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .event_bus_name(test_support::BUS_NAME)
        .source("ecommerce.order")
        .detail_type(detail_type)
        .detail(detail)
        .build();
    let output = shop.bus.client().put_events().entries(entry).send().await.unwrap();
    assert_eq!(output.failed_entry_count(), 0);
}

#[tokio::test]
async fn reports_an_unpublishable_record_once_and_continues() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let before = place(&shop).await;
    store(&shop, "lost", set_unknown_status).await;
    store(&shop, "no-total", |item| drop(item.remove("TotalAmount"))).await;
    store(&shop, "no-time", |item| {
        item.insert("Event".into(), AttributeValue::M([("Id".to_owned(), text("e-1"))].into()));
    })
    .await;
    // A change that keeps the event in the outbox is not reported again.
    store(&shop, "no-time", |item| {
        let event = AttributeValue::M([("Id".to_owned(), text("e-1"))].into());
        item.extend([("Event".to_owned(), event), ("Note".to_owned(), text("seen"))]);
    })
    .await;
    let next = place(&shop).await;
    driver.run().await;

    assert_eq!((status(&shop, &before).await, status(&shop, &next).await), (Confirmed, Confirmed));
    assert_eq!(driver.pending_records(), 0);
    let reported: Vec<_> = unhandled_details(&driver)
        .iter()
        .map(|unpublishable| {
            let unpublishable: UnpublishableEvent = serde_json::from_value(unpublishable.clone()).unwrap();
            assert!(unpublishable.sequence_number.is_some_and(|number| !number.is_empty()));
            (unpublishable.subject.unwrap().to_string(), unpublishable.error_type, unpublishable.reason)
        })
        .collect();
    let reported: Vec<_> = reported.iter().map(|(id, kind, reason)| (&**id, &**kind, &**reason)).collect();
    assert_eq!(
        reported,
        [
            ("lost", "BadItem", r#"attribute OrderStatus: "Lost" is not an order status"#),
            ("no-total", "Incomplete", "order lacks data required by an event of type OrderPlaced"),
            ("no-time", "BadItem", "attribute Type: is missing"),
        ]
    );
    assert!(
        driver
            .unhandled_messages()
            .iter()
            .all(|message| message["requestPayload"]["detail-type"] == UnpublishableEvent::ORDER_EVENT
                && message["responsePayload"]["errorType"] == "UnhandledDetailType")
    );
    assert!(driver.dead_letters().is_empty());
}

#[tokio::test]
async fn reports_an_undecodable_order_id_with_the_sequence_number() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    store(&shop, "x", |item| drop(item.insert("OrderId".into(), text("not an id")))).await;
    driver.run().await;
    let [unpublishable] = unhandled_details(&driver).try_into().unwrap();
    assert_eq!(unpublishable.get("orderId"), None);
    assert!(unpublishable["sequenceNumber"].is_string(), "{unpublishable}");
    assert_eq!(unpublishable["errorType"], "BadItem");
}

#[tokio::test]
async fn publishes_an_event_of_more_than_256_kb() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let seed = shop.order("001").await.unwrap();
    let id = "huge".parse().unwrap();
    let event = OutboxEvent::new(&id, EventKind::Rejected, seed.created_at, "c-1".parse().unwrap());
    let shortage = |n| Shortage {
        product_id: format!("{n:064}").parse().unwrap(),
        requested: Quantity::new(1).unwrap(),
        available: 0,
    };
    let shortages = (0..2600).map(shortage).collect();
    shop.put_order_with_event(Order { id, shortages, ..seed }, event).await;
    let next = place(&shop).await;
    driver.run().await;
    let sizes: Vec<_> =
        shop.bus.calls().iter().map(|entries| entries.iter().map(Entry::size).sum()).collect();
    assert!(sizes.iter().any(|size: &usize| (256 * 1024..1024 * 1024).contains(size)), "{sizes:?}");
    assert_eq!((status(&shop, &next).await, unhandled_details(&driver).len()), (Confirmed, 0));
}

#[tokio::test]
async fn reports_a_permanently_rejected_event_without_a_retry() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let orders = [place(&shop).await, place(&shop).await, place(&shop).await];
    shop.bus.script([BusBehavior::reject([(1, "MalformedDetail")])]);
    driver.relay().await;
    let sizes: Vec<_> = shop.bus.calls().iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 1]);
    driver.run().await;
    let [unpublishable] = unhandled_details(&driver).try_into().unwrap();
    assert_eq!(
        (&unpublishable["orderId"], &unpublishable["errorType"]),
        (&json!(orders[1]), &json!("Refused"))
    );
    assert_eq!(unpublishable["reason"], "EventBridge rejects the event with MalformedDetail");
    assert_eq!(status(&shop, &orders[2]).await, Confirmed);
}

#[tokio::test]
async fn publishes_the_other_events_of_a_call_that_one_event_makes_fail() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let orders = [place(&shop).await, place(&shop).await, place(&shop).await];
    let invalid = || BusBehavior::Fail(AwsError::new(400, "ValidationException", "one entry is invalid"));
    shop.bus.script([invalid(), BusBehavior::Accept, invalid()]);
    driver.relay().await;
    let sizes: Vec<_> = shop.bus.calls().iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 1, 1, 1, 1], "all three, each alone, and the report");
    driver.run().await;
    let [unpublishable] = unhandled_details(&driver).try_into().unwrap();
    assert_eq!(
        (&unpublishable["orderId"], &unpublishable["errorType"]),
        (&json!(orders[1]), &json!("Refused"))
    );
    assert_eq!(unpublishable["reason"], "EventBridge rejects the event with ValidationException");
    assert_eq!((status(&shop, &orders[0]).await, status(&shop, &orders[2]).await), (Confirmed, Confirmed));
}

#[tokio::test]
async fn reports_no_event_if_a_call_fails_for_a_reason_outside_of_its_entries() {
    for error in [AwsError::access_denied(), AwsError::throttled(), AwsError::unavailable()] {
        let shop = TestShop::seeded().await;
        let mut driver = EventDriver::new(&shop).await;
        let orders = [place(&shop).await, place(&shop).await];
        shop.bus.set_default(BusBehavior::Fail(error));
        driver.relay().await;
        assert!(shop.bus.calls().iter().all(|entries| entries.len() == 2), "no entry is sent alone");
        shop.bus.set_default(BusBehavior::Accept);
        driver.run().await;
        assert!(driver.unhandled_messages().is_empty());
        assert_eq!(
            (status(&shop, &orders[0]).await, status(&shop, &orders[1]).await),
            (Confirmed, Confirmed)
        );
    }
}

#[tokio::test]
async fn fails_a_record_only_if_its_report_cannot_be_published() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    store(&shop, "lost", set_unknown_status).await;
    let next = place(&shop).await;
    // The next event is published, but OrderEventUnpublishable is not.
    shop.bus.script([BusBehavior::Accept]);
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    driver.relay().await;
    assert_eq!(
        (driver.pending_records(), driver.unhandled_messages().len(), driver.pending_events().len()),
        (2, 0, 1)
    );
    shop.bus.set_default(BusBehavior::Accept);
    driver.run().await;
    assert_eq!((driver.pending_records(), driver.unhandled_messages().len()), (0, 1));
    assert_eq!(status(&shop, &next).await, Confirmed);
}

#[tokio::test]
async fn reports_a_record_after_a_failed_one_when_it_is_relayed_again() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    store(&shop, "lost-1", set_unknown_status).await;
    let rejected = place(&shop).await;
    store(&shop, "lost-2", set_unknown_status).await;
    // The bus rejects the entry in each of the relay's attempts.
    shop.bus.script((0..3).map(|_| BusBehavior::reject([(0, "InternalFailure")])));
    driver.relay().await;
    assert_eq!(driver.pending_records(), 2);
    driver.run().await;
    let reported: Vec<_> =
        unhandled_details(&driver).iter().map(|unpublishable| unpublishable["orderId"].clone()).collect();
    assert_eq!(reported, ["lost-1", "lost-2"]);
    assert_eq!(status(&shop, &rejected).await, Confirmed);
}

#[tokio::test]
async fn sends_an_event_of_an_unknown_type_to_the_dead_letter_queue() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    publish(&shop, "OrderLost", r#"{"orderId":"1","note":"a \"quoted\" <word>","amount":1.10}"#).await;
    for kind in EventKind::ALL {
        let detail = format!(r#"{{"detailType":"{kind}","orderId":"none","orderStatus":"{kind}"}}"#);
        publish(&shop, kind.as_str(), &detail).await;
    }
    driver.relay().await;
    let [message] = driver.unhandled_messages() else { panic!("{:?}", driver.unhandled_messages()) };
    assert_eq!(message["requestPayload"]["detail-type"], "OrderLost");
    assert_eq!(message["requestPayload"]["detail"]["note"], r#"a "quoted" <word>"#);
    assert_eq!(message["responsePayload"]["errorType"], "UnhandledDetailType");
    // OrderRejected has no consumer here. The other four do.
    assert_eq!(driver.pending_events().len(), 4);
}

/// An event with the detail-type of another source would otherwise match no rule.
#[test]
fn keeps_a_known_detail_type_of_another_source() {
    let unhandled = [
        test_support::unhandled_event_pattern(),
        test_support::unhandled_stock_event_pattern(),
        test_support::unhandled_warehouse_event_pattern(),
    ];
    for (source, detail_type, expected) in [
        ("ecommerce.inventory", "StockReceived", 1),
        ("ecommerce.warehouse", "InventoryUpdated", 1),
        ("ecommerce.warehouse", "OrderPlaced", 1),
        ("ecommerce.order", "StockReceived", 1),
        ("ecommerce.inventory", "StockLow", 0),
        ("ecommerce.warehouse", "StockReceived", 0),
    ] {
        let event = serde_json::json!({"source": source, "detail-type": detail_type, "detail": {}});
        let matching = unhandled.iter().filter(|pattern| test_support::matches_pattern(pattern, &event));
        assert_eq!(matching.count(), expected, "{source} {detail_type}");
    }
}

#[tokio::test]
async fn keeps_each_poison_event_once_with_its_reason_and_handles_the_others() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let canceled = place(&shop).await;
    let path = |request: ApiRequest| request.path("orderId", &canceled);
    let response = path(ApiRequest::post("/order/{orderId}/cancel")).send(&shop.order_service()).await;
    assert_eq!(response.status, 200);
    driver.run().await;

    let shipped =
        format!(r#"{{"detailType":"OrderShipped","orderId":"{canceled}","orderStatus":"OrderShipped"}}"#);
    let poison = [
        ("OrderShipped", "{}".to_owned(), inventory_service::MALFORMED_EVENT),
        ("OrderPlaced", shipped.clone(), inventory_service::MALFORMED_EVENT),
        ("OrderPlaced", r#"{"metadata":{"schemaVersion":2}}"#.to_owned(), inventory_service::UNKNOWN_VERSION),
        ("OrderShipped", shipped, inventory_service::ILLEGAL_TRANSITION),
    ];
    for (detail_type, detail, _) in &poison {
        publish(&shop, detail_type, detail).await;
    }
    let next = place(&shop).await;
    driver.run().await;

    assert_eq!((status(&shop, &canceled).await, status(&shop, &next).await), (Canceled, Confirmed));
    let mut dead_letters: Vec<_> = driver
        .dead_letters()
        .iter()
        .map(|letter| (letter.event.detail_text(), letter.error.error_type))
        .collect();
    let mut expected: Vec<_> = poison.iter().map(|(_, detail, kind)| (detail.as_str(), *kind)).collect();
    dead_letters.sort_unstable();
    expected.sort_unstable();
    assert_eq!(dead_letters, expected);
    assert!(driver.dead_letters().iter().all(|letter| !letter.error.message.is_empty()));
}

#[test]
fn the_redrive_tool_has_the_permanent_error_types() {
    let tool = include_str!("../../tools/dead_letter.py");
    let constant = |name: &str| {
        let line = tool.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let quoted = |text: &str| format!("\"{text}\"");
    assert_eq!(constant("SOURCE"), quoted(domain::event::ORDER_SOURCE));
    assert_eq!(constant("UNPUBLISHABLE"), quoted(UnpublishableEvent::ORDER_EVENT));
    assert_eq!(constant("WAREHOUSE_SOURCE"), quoted(domain::event::WAREHOUSE_SOURCE));
    assert_eq!(constant("INVENTORY_SOURCE"), quoted(domain::inventory_event::INVENTORY_SOURCE));
    assert_eq!(constant("STOCK_UNPUBLISHABLE"), quoted(UnpublishableEvent::INVENTORY_EVENT));
    let permanent = [
        inventory_service::ILLEGAL_TRANSITION,
        inventory_service::MALFORMED_EVENT,
        inventory_service::RECEIPT_REUSED,
        "UnhandledDetailType",
        inventory_service::UNKNOWN_PRODUCT,
        inventory_service::UNKNOWN_VERSION,
        lambda::trigger::UNSUPPORTED_TRIGGER,
    ];
    let (_, rest) = tool.split_once("PERMANENT = {").unwrap();
    let (listed, _) = rest.split_once('}').unwrap();
    let listed: Vec<_> = listed.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    assert_eq!(listed, permanent.map(quoted));
}
