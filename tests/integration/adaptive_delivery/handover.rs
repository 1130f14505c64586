//! The first try of an event, and the handover to the queue.

use std::time::Duration;

use domain::{EventKind, OrderStatus};
use serde_json::json;
use test_support::{AwsError, TestShop, invocation};

use super::{
    CONFLICT, apply, calls, contended, deliver_queue, event, placed, queued, received, status, store,
};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Shipped};

#[tokio::test]
async fn applies_an_event_without_the_queue_if_nothing_is_in_its_way() {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", Placed, "001").await;
    apply(&shop, placed("o1", "001")).await.unwrap();
    assert_eq!(status(&shop, "o1").await, Confirmed);
    assert_eq!((shop.queues.calls("SendMessage"), shop.metrics.sum("EventsQueued")), (0, 0));
}

#[tokio::test]
async fn queues_an_event_as_it_came_after_one_try() {
    let failures = [
        contended(),
        AwsError::transaction_canceled(&[CONFLICT, "None"]),
        AwsError::transaction_canceled(&["None", "ThrottlingError"]),
        AwsError::transaction_canceled(&["None", "ProvisionedThroughputExceeded"]),
        AwsError::throttled(),
        AwsError::throughput_exceeded(),
        AwsError::request_limit(),
        AwsError::internal(),
        AwsError::unavailable(),
        AwsError::transaction_in_progress(),
    ];
    for failure in failures {
        let shop = TestShop::seeded().await;
        store(&shop, "o1", Placed, "001").await;
        let before = shop.snapshot().await;
        shop.proxy.on_any_call().always().fail(failure.clone());
        let event = placed("o1", "001");
        let payload = event.payload.get().to_owned();
        apply(&shop, event).await.unwrap();
        assert_eq!(calls(&shop), json!({"TransactWriteItems": 1}), "{failure:?}");
        assert_eq!(queued(&shop), [payload], "{failure:?}");
        assert_eq!(shop.snapshot().await, before, "{failure:?}");
        assert_eq!(shop.metrics.sum("EventsQueued"), 1, "{failure:?}");

        shop.proxy.reset();
        deliver_queue(&shop).await;
        assert_eq!((status(&shop, "o1").await, shop.stock_of("001").await), (Confirmed, 149));
        assert!(queued(&shop).is_empty() && shop.queues.dead_letters().is_empty());
    }
}

#[tokio::test]
async fn queues_every_kind_of_event() {
    let kinds = [
        (EventKind::Placed, Placed, Confirmed),
        (EventKind::Canceled, Confirmed, Canceled),
        (EventKind::Canceled, Placed, Canceled),
        (EventKind::Shipped, Confirmed, Shipped),
        (EventKind::Delivered, Shipped, Delivered),
    ];
    for (kind, from, to) in kinds {
        let shop = TestShop::seeded().await;
        store(&shop, "o1", from, "001").await;
        shop.proxy.on_any_call().always().fail(AwsError::unavailable());
        apply(&shop, event(kind, "o1", "001")).await.unwrap();
        assert_eq!((status(&shop, "o1").await, queued(&shop).len()), (from, 1), "{kind}");
        shop.proxy.reset();
        deliver_queue(&shop).await;
        assert_eq!((status(&shop, "o1").await, queued(&shop).len()), (to, 0), "{kind}");
    }
}

#[tokio::test]
async fn queues_a_receipt_of_goods() {
    let shop = TestShop::seeded().await;
    shop.proxy.on_any_call().always().fail(AwsError::unavailable());
    apply(&shop, received("001")).await.unwrap();
    shop.proxy.reset();
    for _ in 0..2 {
        deliver_queue(&shop).await;
        assert_eq!((shop.stock_of("001").await, queued(&shop).len()), (151, 0));
    }
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn tries_again_at_once_after_a_lost_connection() {
    for takes_effect in [false, true] {
        let shop = TestShop::seeded().await;
        store(&shop, "o1", Placed, "001").await;
        let rule = shop.proxy.on("TransactWriteItems");
        if takes_effect {
            rule.drop_response()
        } else {
            rule.drop_request()
        }
        apply(&shop, placed("o1", "001")).await.unwrap();
        assert_eq!((status(&shop, "o1").await, shop.stock_of("001").await), (Confirmed, 149));
        assert_eq!((calls(&shop), queued(&shop).len()), (json!({"TransactWriteItems": 2}), 0));
    }
}

#[tokio::test]
async fn an_event_applied_by_a_try_without_response_changes_nothing_in_the_queue() {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", Placed, "001").await;
    shop.proxy.on("TransactWriteItems").times(3).drop_response();
    apply(&shop, placed("o1", "001")).await.unwrap();
    assert_eq!((status(&shop, "o1").await, queued(&shop).len()), (Confirmed, 1));
    let applied = shop.snapshot().await;
    deliver_queue(&shop).await;
    assert_eq!((shop.snapshot().await, queued(&shop).len()), (applied, 0));
}

#[tokio::test]
async fn does_not_queue_an_event_that_fails_for_another_reason() {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", Placed, "001").await;
    store(&shop, "o2", Delivered, "001").await;
    let failures = [
        (
            placed("o1", "001").payload.get().replace("ecommerce.order", "another"),
            inventory_service::MALFORMED_EVENT,
        ),
        (
            event(EventKind::Shipped, "o2", "001").payload.get().to_owned(),
            inventory_service::ILLEGAL_TRANSITION,
        ),
        (event(EventKind::Shipped, "o1", "001").payload.get().to_owned(), inventory_service::TOO_EARLY),
        (received("unknown").payload.get().to_owned(), inventory_service::UNKNOWN_PRODUCT),
    ];
    for (payload, error_type) in failures {
        let event = invocation::from_payload(serde_json::from_str(&payload).unwrap());
        let result = apply(&shop, event).await;
        assert_eq!(result.map_err(|error| error.error_type), illegal_shipment(&payload, error_type));
    }
    shop.proxy.on("TransactWriteItems").fail(AwsError::access_denied());
    assert_eq!(apply(&shop, placed("o1", "001")).await.unwrap_err().error_type, inventory_service::INTERNAL);
    assert_eq!(shop.queues.calls("SendMessage"), 0);
}

/// An OrderShipped of a delivered order is late, and not an error.
fn illegal_shipment(payload: &str, error_type: &'static str) -> Result<(), &'static str> {
    if payload.contains("\"o2\"") { Ok(()) } else { Err(error_type) }
}

#[tokio::test]
async fn applies_an_event_with_retries_if_the_queue_does_not_accept_it() {
    let refusals = [AwsError::unavailable(), AwsError::throttled(), AwsError::access_denied()];
    for refusal in refusals {
        let shop = TestShop::seeded().await;
        store(&shop, "o1", Placed, "001").await;
        shop.queues.on("SendMessage").always().fail(refusal);
        shop.proxy.on("TransactWriteItems").times(3).fail(contended());
        apply(&shop, placed("o1", "001")).await.unwrap();
        assert_eq!((status(&shop, "o1").await, shop.stock_of("001").await), (Confirmed, 149));
        assert_eq!((calls(&shop), queued(&shop).len()), (json!({"TransactWriteItems": 4}), 0));
    }
}

#[tokio::test]
async fn a_message_that_was_accepted_without_a_response_is_applied_once() {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", Placed, "001").await;
    shop.proxy.on("TransactWriteItems").fail(contended());
    shop.queues.on("SendMessage").times(2).drop_response();
    apply(&shop, placed("o1", "001")).await.unwrap();
    assert_eq!(queued(&shop).len(), 3, "the SDK sends it until it gets a response");
    deliver_queue(&shop).await;
    assert_eq!((status(&shop, "o1").await, shop.stock_of("001").await), (Confirmed, 149));
    assert_eq!((queued(&shop).len(), shop.metrics.sum("EventsStale")), (0, 2));
}

#[tokio::test]
async fn fails_as_busy_if_the_queue_does_not_respond_in_time() {
    let shop = TestShop::seeded().await;
    store(&shop, "o1", Placed, "001").await;
    shop.proxy.on("TransactWriteItems").fail(contended());
    let _never_opened = shop.queues.on("SendMessage").always().hold_request();
    let event = invocation::with_remaining_time(placed("o1", "001"), Duration::from_millis(1_500));
    assert_eq!(apply(&shop, event).await.unwrap_err().error_type, inventory_service::BUSY);
    assert_eq!((status(&shop, "o1").await, queued(&shop).len()), (Placed, 0));
}
