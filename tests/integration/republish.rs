//! Republishing: an operator publishes the events of stored orders again.

use domain::{EventKind, Order, OrderStatus, OutboxEvent};
use dynamodb::StoredOrder;
use dynamodb::text;
use lambda::trigger::INVALID_REQUEST;
use serde_json::{Value, json};
use test_support::{AwsError, BusBehavior, EventDriver, TestShop, invocation};

use crate::poison_messages::place;

use OrderStatus::Confirmed;

/// Republishes the events of orders, and returns the outcome for each order.
async fn republish(shop: &TestShop, orders: &[&str]) -> Value {
    let response = shop.order_service().handle(invocation::republish(orders)).await.unwrap();
    serde_json::to_value(&response).unwrap()["orders"].take()
}

#[tokio::test]
async fn reports_an_outcome_for_each_order() {
    let shop = TestShop::seeded().await;
    let seed = shop.order("001").await.unwrap();
    let stored = |id: &str, kind| {
        let id = id.parse().unwrap();
        let event = OutboxEvent::new(&id, kind, seed.created_at, "c-1".parse().unwrap());
        StoredOrder { outbox: Some(event), ..Order { id, ..seed.clone() }.into() }
    };
    shop.put_stored_order(&stored("b-placed", EventKind::Placed)).await;
    let mut undecodable = dynamodb::encode_order(&stored("c-undecodable", EventKind::Placed));
    undecodable.insert("OrderStatus".into(), text("Lost"));
    shop.put(&shop.tables.orders, undecodable).await;
    shop.put_stored_order(&stored("d-shipped", EventKind::Shipped)).await;

    let outcomes =
        republish(&shop, &["d-shipped", "c-undecodable", "b-placed", "unknown", "001", "b-placed"]).await;
    assert_eq!(
        outcomes,
        json!([
            {"orderId": "001", "outcome": "NothingToPublish"},
            {"orderId": "b-placed", "outcome": "Published", "eventType": "OrderPlaced", "eventTypes": ["OrderPlaced"]},
            {"orderId": "c-undecodable", "outcome": "Unpublishable", "errorType": "BadItem",
             "reason": "attribute OrderStatus: \"Lost\" is not an order status"},
            {"orderId": "d-shipped", "outcome": "Published", "eventType": "OrderShipped", "eventTypes": ["OrderShipped"]},
            {"orderId": "unknown", "outcome": "UnknownOrder"},
        ])
    );
    let mut published: Vec<_> =
        shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    published.sort_unstable();
    assert_eq!(
        published,
        ["OrderPlaced", "OrderShipped"],
        "one event for each order, and no OrderEventUnpublishable"
    );
}

#[tokio::test]
async fn republishes_a_lost_event_and_tolerates_duplicates() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let id = place(&shop).await;
    driver.relay().await;
    // The consumer is killed while it handles the event, and the event is not delivered again.
    let lost = shop.bus.published();
    drop(driver);
    let mut driver = EventDriver::new(&shop).await;
    for _ in 0..2 {
        let outcomes = republish(&shop, &[&id]).await;
        assert_eq!(outcomes[0]["outcome"], "Published");
    }
    let again = &shop.bus.published()[lost.len()..];
    assert!(again.iter().all(|event| event.detail_text() == lost[0].detail_text()));
    assert_eq!(again[0].entry, lost[0].entry, "the republished event has the same id and time");
    driver.run().await;
    assert_eq!(shop.order(&id).await.unwrap().status, Confirmed);
    assert_eq!((shop.stock_of("001").await, driver.dead_letters().len()), (148, 0));
    assert_eq!(republish(&shop, &[&id]).await[0]["eventType"], "OrderConfirmed");
    let published = shop.bus.published();
    let [.., first, again] = published.as_slice() else { panic!("{published:?}") };
    assert_eq!(again.entry, first.entry, "an order keeps its OrderConfirmed until the next change");
}

#[tokio::test]
async fn reads_all_orders_consistently_in_one_call() {
    let shop = TestShop::seeded().await;
    let ids: Vec<String> = (0..lambda::RepublishRequest::MAX_IDS).map(|n| format!("order-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(republish(&shop, &ids).await.as_array().unwrap().len(), ids.len());
    assert_eq!(shop.proxy.calls("BatchGetItem"), 1);
    let [request] = shop.proxy.requests("BatchGetItem").try_into().unwrap();
    assert_eq!(request["RequestItems"][&shop.tables.orders]["ConsistentRead"], true);
}

#[tokio::test]
async fn reports_events_that_the_bus_rejects() {
    let shop = TestShop::seeded().await;
    let (one, other) = (place(&shop).await, place(&shop).await);
    shop.bus.script([BusBehavior::reject([(0, "MalformedDetail"), (1, "InternalFailure")])]);
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    let outcomes = republish(&shop, &[&one, &other]).await;
    let mut outcomes: Vec<_> =
        outcomes.as_array().unwrap().iter().map(|order| order["outcome"].clone()).collect();
    outcomes.sort_by_key(Value::to_string);
    assert_eq!(outcomes, ["NotAccepted", "Unpublishable"]);
    assert!(shop.bus.published().is_empty());
}

#[tokio::test]
async fn fails_an_invalid_request_and_publishes_nothing() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let error = shop.order_service().handle(invocation::republish(&[&id, "a b"])).await.unwrap_err();
    assert_eq!(error.error_type, INVALID_REQUEST);
    assert!(error.message.contains("#/republish/orderIds/1"), "{error}");
    let error = shop.inventory_service().handle(invocation::republish(&[&id])).await.unwrap_err();
    assert_eq!(error.error_type, lambda::trigger::UNSUPPORTED_TRIGGER);

    shop.proxy.on("BatchGetItem").always().fail(AwsError::access_denied());
    let error = shop.order_service().handle(invocation::republish(&[&id])).await.unwrap_err();
    assert_eq!(error.error_type, lambda::error::INTERNAL);
    assert!(shop.bus.published().is_empty());
}
