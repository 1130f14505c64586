//! Messages of the queue whose events were not applied.

use domain::{EventKind, OrderStatus};
use serde_json::{Value, json};
use test_support::{AwsError, TestShop, batch_item_failures, deliver_batch, invocation};

use super::{apply, deliver_queue, event, placed, queued, status, store};

use OrderStatus::{Confirmed, Placed};

const HOUR_MILLIS: u64 = 60 * 60 * 1_000;

/// Returns a shop without DynamoDB and with an OrderPlaced in the queue.
async fn shop_in_an_outage() -> TestShop {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", Placed, "001").await;
    shop.proxy.on_any_call().always().fail(AwsError::unavailable());
    apply(&shop, placed("o1", "001")).await.unwrap();
    shop
}

fn error_type(letter: &Value) -> &str {
    letter["responsePayload"]["errorType"].as_str().unwrap()
}

/// Sends a body to the queue as another producer can.
async fn send(shop: &TestShop, body: &str) {
    let request = shop.queues.client().send_message().queue_url(test_support::ORDER_EVENT_QUEUE_URL);
    request.message_body(body).send().await.unwrap();
}

#[tokio::test]
async fn an_outage_heals_by_itself_with_growing_pauses() {
    let shop = shop_in_an_outage().await;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        deliver_queue(&shop).await;
        let [message] = shop.queues.order_events().try_into().unwrap();
        pauses.push(message.pause.unwrap());
    }
    for (delivery, pause) in pauses.iter().enumerate() {
        let longest = (4 << delivery).min(300);
        assert!((longest / 2..=longest).contains(pause), "pause {pause} after delivery {delivery}");
    }
    assert!(shop.queues.dead_letters().is_empty());

    shop.queues.age_messages(20 * HOUR_MILLIS, |_| true);
    shop.proxy.reset();
    deliver_queue(&shop).await;
    assert_eq!((status(&shop, "o1").await, queued(&shop).len()), (Confirmed, 0));
}

#[tokio::test]
async fn an_event_that_fails_for_a_day_becomes_a_dead_letter_with_its_reason() {
    let shop = shop_in_an_outage().await;
    let body = queued(&shop).remove(0);
    shop.queues.age_messages(24 * HOUR_MILLIS, |_| true);
    deliver_queue(&shop).await;
    assert_eq!(queued(&shop).len(), 0);
    let [letter] = shop.queues.dead_letters().try_into().unwrap();
    assert_eq!((error_type(&letter), letter["requestPayload"].to_string()), ("Busy", compact(&body)));
    assert!(letter["responsePayload"]["errorMessage"].as_str().unwrap().contains("unavailable"));
}

fn compact(json: &str) -> String {
    serde_json::from_str::<Value>(json).unwrap().to_string()
}

#[tokio::test]
async fn sends_events_that_can_never_be_applied_to_the_dead_letter_queue() {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", OrderStatus::Canceled, "001").await;
    store(&shop, "o2", Placed, "001").await;
    let bodies = [
        "not an event".to_owned(),
        event(EventKind::Shipped, "o1", "001").payload.get().to_owned(),
        placed("o2", "001").payload.get().to_owned(),
        event(EventKind::Shipped, "not-yet-stored", "001").payload.get().to_owned(),
    ];
    for body in &bodies {
        send(&shop, body).await;
    }
    deliver_queue(&shop).await;
    let letters = shop.queues.dead_letters();
    let mut reasons: Vec<_> = letters
        .iter()
        .map(|letter| (error_type(letter), letter["requestPayload"]["detail-type"].as_str()))
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [("IllegalTransition", Some("OrderShipped")), ("MalformedEvent", None)]);
    assert!(letters.iter().any(|letter| letter["requestPayload"] == "not an event"));
    assert_eq!(queued(&shop), bodies[3..], "the order may be stored later");
    assert_eq!(status(&shop, "o2").await, Confirmed);
}

#[tokio::test]
async fn a_message_stays_in_the_queue_until_the_dead_letter_queue_accepts_it() {
    let shop = TestShop::seeded().await;
    send(&shop, "not an event").await;
    shop.queues.on("SendMessage").times(3).fail(AwsError::unavailable());
    deliver_queue(&shop).await;
    let [message] = shop.queues.order_events().try_into().unwrap();
    assert!(message.pause.is_some(), "it is delivered again after a pause");
    deliver_queue(&shop).await;
    assert_eq!((queued(&shop).len(), shop.queues.dead_letters().len()), (0, 1));
}

#[tokio::test]
async fn a_message_is_delivered_again_even_if_its_pause_is_not_set() {
    let shop = shop_in_an_outage().await;
    shop.queues.on("ChangeMessageVisibilityBatch").always().fail(AwsError::unavailable());
    deliver_queue(&shop).await;
    shop.proxy.reset();
    deliver_queue(&shop).await;
    assert_eq!((status(&shop, "o1").await, queued(&shop).len()), (Confirmed, 0));
}

#[tokio::test]
async fn pauses_a_full_batch_in_calls_of_ten() {
    let shop = shop_in_an_outage().await;
    for n in 0..98 {
        send(&shop, placed(&format!("order-{n:02}"), "001").payload.get()).await;
    }
    deliver_queue(&shop).await;
    assert!(shop.queues.order_events().iter().all(|message| message.pause.is_some()));
    assert_eq!((queued(&shop).len(), shop.queues.calls("ChangeMessageVisibilityBatch")), (99, 10));
}

#[tokio::test]
async fn calls_no_queue_for_a_batch_without_failures() {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", Placed, "001").await;
    send(&shop, placed("o1", "001").payload.get()).await;
    deliver_queue(&shop).await;
    assert_eq!(shop.queues.calls("ChangeMessageVisibilityBatch"), 0);
    assert_eq!(queued(&shop).len(), 0);
}

#[tokio::test]
async fn names_a_failed_message_even_if_no_call_to_the_queue_ends_in_time() {
    let shop = shop_in_an_outage().await;
    send(&shop, "not an event").await;
    let _messages = shop.queues.on("SendMessage").always().hold_request();
    let _pauses = shop.queues.on("ChangeMessageVisibilityBatch").always().hold_request();
    let messages = shop.queues.receive(2);
    let batch = invocation::with_remaining_time(
        invocation::received(&messages),
        std::time::Duration::from_millis(5_500),
    );
    let response = shop.inventory_service().handle(batch).await.unwrap();
    assert_eq!(batch_item_failures(&response), [messages[0].id.as_str(), messages[1].id.as_str()]);
}

#[tokio::test]
async fn a_redelivered_batch_applies_each_event_once() {
    let shop = TestShop::seeded().await;
    for n in 0..5 {
        store(&shop, &format!("order-{n}"), Placed, "001").await;
        send(&shop, placed(&format!("order-{n}"), "001").payload.get()).await;
    }
    let messages = shop.queues.receive(5);
    let service = shop.inventory_service();
    for _ in 0..3 {
        deliver_batch(&shop, &service, &messages).await;
        assert_eq!(shop.stock_of("001").await, 145);
    }
    assert_eq!(json!(shop.metrics.sum("OrdersConfirmed")), json!(5));
}
