//! An operator has the events of orders published again, from the orders themselves.

use domain::{EventKind, Order, OrderStatus, PendingEvent};
use lambda_support::trigger::INVALID_REQUEST;
use serde_json::{Value, json};
use tables::text;
use test_support::{ApiRequest, AwsError, BusBehavior, EventDriver, TestShop, invocation};

use crate::poison_messages::place;

use OrderStatus::{Canceled, Confirmed};

/// Has the events of orders published again; what was done for each.
async fn republish(shop: &TestShop, orders: &[&str]) -> Value {
    let answer = shop.order_service().handle(invocation::republish(orders)).await.unwrap();
    serde_json::to_value(&answer).unwrap()["orders"].take()
}

#[tokio::test]
async fn what_was_done_is_answered_for_each_order() {
    let shop = TestShop::seeded().await;
    let seed = shop.order("001").await.unwrap();
    let stored = |id: &str, kind| {
        let id = id.parse().unwrap();
        let event = PendingEvent::new(&id, kind, seed.created_at, "c-1".parse().unwrap());
        Order { id, event: Some(event), ..seed.clone() }
    };
    shop.put_order(&stored("b-placed", EventKind::Placed)).await;
    let mut spoilt = tables::order_to_item(&stored("c-spoilt", EventKind::Placed));
    spoilt.insert("OrderStatus".into(), text("Lost"));
    shop.put(&shop.tables.orders, spoilt).await;
    shop.put_order(&stored("d-shipped", EventKind::Shipped)).await;

    let done = republish(&shop, &["d-shipped", "c-spoilt", "b-placed", "nobody", "001", "b-placed"]).await;
    assert_eq!(
        done,
        json!([
            {"orderId": "001", "outcome": "NothingToPublish"},
            {"orderId": "b-placed", "outcome": "Published", "eventType": "OrderPlaced"},
            {"orderId": "c-spoilt", "outcome": "Unpublishable", "errorType": "BadItem",
             "reason": "attribute OrderStatus: \"Lost\" is not an order status"},
            {"orderId": "d-shipped", "outcome": "Published", "eventType": "OrderShipped"},
            {"orderId": "nobody", "outcome": "UnknownOrder"},
        ])
    );
    let mut published: Vec<_> =
        shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    published.sort_unstable();
    assert_eq!(published, ["OrderPlaced", "OrderShipped"], "one each, and no notice");
}

#[tokio::test]
async fn an_event_that_was_lost_behind_the_bus_is_made_good_and_twice_is_harmless() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let id = place(&shop).await;
    driver.relay().await;
    // The function is killed with the event in hand, and nobody hands it over again.
    let lost = shop.bus.published();
    drop(driver);
    let mut driver = EventDriver::new(&shop).await;
    for _ in 0..2 {
        let done = republish(&shop, &[&id]).await;
        assert_eq!(done[0]["outcome"], "Published");
    }
    let again = &shop.bus.published()[lost.len()..];
    assert!(again.iter().all(|event| event.detail_text() == lost[0].detail_text()));
    assert_eq!(again[0].entry, lost[0].entry, "the very event, with its id and its time");
    driver.run().await;
    assert_eq!(shop.order(&id).await.unwrap().status, Confirmed);
    assert_eq!((shop.stock_of("001").await, driver.dead_letters().len()), (148, 0));
    assert_eq!(republish(&shop, &[&id]).await[0]["outcome"], "NothingToPublish");
}

#[tokio::test]
async fn it_is_the_order_as_it_is_now_that_counts() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    // OrderPlaced never got out. Meanwhile the order was canceled.
    let cancel = ApiRequest::post("/order/{orderId}/cancel").path("orderId", &id);
    assert_eq!(cancel.send(&shop.order_service()).await.status, 200);
    assert_eq!(republish(&shop, &[&id]).await[0]["eventType"], "OrderCanceled");
    let [event] = shop.bus.published().try_into().unwrap();
    shop.inventory_service().handle(invocation::from_payload(event.envelope())).await.unwrap();
    let order = shop.order(&id).await.unwrap();
    assert_eq!((order.status, order.event), (Canceled, None));
    assert_eq!(shop.stock_of("001").await, 150);
}

#[tokio::test]
async fn an_order_is_read_consistently_and_all_of_them_in_one_call() {
    let shop = TestShop::seeded().await;
    let ids: Vec<String> = (0..domain::RepublishRequest::MAX_ORDERS).map(|n| format!("order-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(republish(&shop, &ids).await.as_array().unwrap().len(), ids.len());
    assert_eq!(shop.proxy.calls("BatchGetItem"), 1);
    let [request] = shop.proxy.requests("BatchGetItem").try_into().unwrap();
    assert_eq!(request["RequestItems"][&shop.tables.orders]["ConsistentRead"], true);
}

#[tokio::test]
async fn what_the_bus_does_not_take_is_not_called_published() {
    let shop = TestShop::seeded().await;
    let (one, other) = (place(&shop).await, place(&shop).await);
    shop.bus.script([BusBehavior::reject([(0, "MalformedDetail"), (1, "InternalFailure")])]);
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    let done = republish(&shop, &[&one, &other]).await;
    let mut outcomes: Vec<_> =
        done.as_array().unwrap().iter().map(|order| order["outcome"].clone()).collect();
    outcomes.sort_by_key(Value::to_string);
    assert_eq!(outcomes, ["NotAccepted", "Unpublishable"]);
    assert!(shop.bus.published().is_empty());
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_or_cannot_be_served_is_a_failure_and_publishes_nothing() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let failure = shop.order_service().handle(invocation::republish(&[&id, "a b"])).await.unwrap_err();
    assert_eq!(failure.error_type, INVALID_REQUEST);
    assert!(failure.message.contains("#/republish/orderIds/1"), "{failure}");
    let failure = shop.inventory_service().handle(invocation::republish(&[&id])).await.unwrap_err();
    assert_eq!(failure.error_type, lambda_support::trigger::UNSUPPORTED_TRIGGER);

    shop.proxy.on("BatchGetItem").always().fail(AwsError::access_denied());
    let failure = shop.order_service().handle(invocation::republish(&[&id])).await.unwrap_err();
    assert_eq!(failure.error_type, lambda_support::failure::INTERNAL);
    assert!(shop.bus.published().is_empty());
}
