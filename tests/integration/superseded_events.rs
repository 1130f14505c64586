//! Events that a later change of the order overtakes before they are published. Each of them can be
//! published from the order until its consumer has received it.

use domain::{EventKind, OrderStatus};
use dynamodb::StoredOrder;
use serde_json::json;
use test_support::{
    ApiRequest, AwsError, BusBehavior, EventDriver, Invocation, PublishedEvent, TestShop, invocation,
};

use crate::poison_messages::place;

use OrderStatus::{Canceled, Delivered};

/// Returns a shop whose bus rejects every event.
async fn shop_without_bus() -> TestShop {
    let shop = TestShop::seeded().await;
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    shop
}

async fn change(shop: &TestShop, action: &str, id: &str) {
    let request = ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id);
    assert_eq!(request.send(&shop.order_service()).await.status, 200);
}

/// Republishes the events of an order, and returns them.
async fn republish(shop: &TestShop, id: &str) -> Vec<PublishedEvent> {
    shop.bus.set_default(BusBehavior::Accept);
    let before = shop.bus.published().len();
    let response = shop.order_service().handle(invocation::republish(&[id])).await.unwrap();
    let report = serde_json::to_value(&response).unwrap();
    let events = shop.bus.published().split_off(before);
    let reported = report["orders"][0].get("eventTypes").cloned().unwrap_or_else(|| json!([]));
    assert_eq!(reported, json!(kinds(&events)), "{report}");
    events
}

fn kinds(events: &[PublishedEvent]) -> Vec<&str> {
    events.iter().map(PublishedEvent::detail_type).collect()
}

async fn consume(shop: &TestShop, events: &[PublishedEvent]) {
    for event in events {
        shop.inventory_service().handle(invocation::from_payload(event.envelope())).await.unwrap();
    }
}

/// Returns the status of an order and the kinds of the events in its outbox.
async fn state(shop: &TestShop, id: &str) -> (OrderStatus, Vec<EventKind>) {
    let StoredOrder { order, outbox, superseded, .. } = shop.stored_order(id).await.unwrap();
    let events = superseded.into_iter().map(|earlier| earlier.event).chain(outbox);
    (order.status, events.map(|event| event.kind).collect())
}

/// Returns a placed order that was canceled before its OrderPlaced was published.
async fn canceled_order(shop: &TestShop) -> String {
    let id = place(shop).await;
    change(shop, "cancel", &id).await;
    assert_eq!(state(shop, &id).await, (Canceled, vec![EventKind::Placed, EventKind::Canceled]));
    id
}

fn external(kind: EventKind, id: &str) -> Invocation {
    let items = r#""customerId":"001","items":[{"productId":"001","quantity":1}]"#;
    let detail = format!(r#"{{"detailType":"{kind}","orderId":"{id}","orderStatus":"{kind}",{items}}}"#);
    invocation::event(kind.as_str(), &detail)
}

#[tokio::test]
async fn publishes_the_events_of_an_order_that_was_canceled_before_it_was_published() {
    let shop = shop_without_bus().await;
    let id = canceled_order(&shop).await;
    let events = republish(&shop, &id).await;
    assert_eq!(kinds(&events), ["OrderPlaced", "OrderCanceled"]);
    consume(&shop, &events).await;
    assert_eq!(state(&shop, &id).await, (Canceled, Vec::new()));
    assert_eq!(shop.stock_of("001").await, 150);
    assert!(republish(&shop, &id).await.is_empty());
}

#[tokio::test]
async fn publishes_three_changes_of_an_order_in_their_order() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let mut driver = EventDriver::new(&shop).await;
    driver.relay().await;
    driver.consume().await;
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    for action in ["ship", "deliver"] {
        change(&shop, action, &id).await;
    }
    let unpublished = vec![EventKind::Confirmed, EventKind::Shipped, EventKind::Delivered];
    assert_eq!(state(&shop, &id).await, (Delivered, unpublished));
    let events = republish(&shop, &id).await;
    assert_eq!(kinds(&events), ["OrderConfirmed", "OrderShipped", "OrderDelivered"]);
    consume(&shop, &events[1..]).await;
    // No function of this system applies an OrderConfirmed.
    assert_eq!(state(&shop, &id).await, (Delivered, vec![EventKind::Confirmed]));
}

#[tokio::test]
async fn an_event_of_another_producer_does_not_overwrite_an_unpublished_one() {
    for kind in [EventKind::Canceled, EventKind::Shipped] {
        let shop = shop_without_bus().await;
        let id = place(&shop).await;
        if kind == EventKind::Shipped {
            consume(&shop, &republish(&shop, &id).await).await;
        }
        let (_, before) = state(&shop, &id).await;
        shop.inventory_service().handle(external(kind, &id)).await.unwrap();
        assert_eq!(state(&shop, &id).await.1, before);
        assert_eq!(republish(&shop, &id).await.len(), 1);
    }
}

#[tokio::test]
async fn a_stale_event_is_removed_with_one_write_also_after_a_lost_response() {
    let shop = shop_without_bus().await;
    let id = canceled_order(&shop).await;
    let events = republish(&shop, &id).await;
    shop.proxy.on("UpdateItem").drop_response();
    consume(&shop, &events[..1]).await;
    assert_eq!(state(&shop, &id).await, (Canceled, vec![EventKind::Canceled]));
    assert_eq!(shop.metrics.sum("EventsStale"), 1);
    let updates = shop.proxy.calls("UpdateItem");
    consume(&shop, &events[..1]).await;
    assert_eq!(shop.proxy.calls("UpdateItem"), updates, "a duplicate writes nothing");
}

#[tokio::test]
async fn a_stale_event_of_a_queue_batch_is_removed() {
    let shop = shop_without_bus().await;
    let (canceled, placed) = (canceled_order(&shop).await, place(&shop).await);
    let mut events = republish(&shop, &canceled).await;
    events.truncate(1);
    events.extend(republish(&shop, &placed).await);
    let batch: Vec<_> = events.iter().map(|event| invocation::from_payload(event.envelope())).collect();
    shop.inventory_service().handle(invocation::queue(&batch)).await.unwrap();
    assert_eq!(state(&shop, &canceled).await, (Canceled, vec![EventKind::Canceled]));
    assert_eq!(state(&shop, &placed).await, (OrderStatus::Confirmed, vec![EventKind::Confirmed]));
}

#[tokio::test]
async fn a_rejected_event_holds_back_the_later_ones_of_its_order() {
    let shop = shop_without_bus().await;
    let id = canceled_order(&shop).await;
    let response = shop.order_service().handle(invocation::republish(&[&id])).await.unwrap();
    let report = serde_json::to_value(&response).unwrap();
    assert_eq!(report["orders"][0]["outcome"], "NotAccepted");
    assert!(shop.bus.published().is_empty());
    let sent = shop.bus.calls().concat();
    assert!(sent.iter().all(|entry| entry.detail_type.as_deref() == Some("OrderPlaced")), "{sent:?}");
}
