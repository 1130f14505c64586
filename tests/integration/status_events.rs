//! The events OrderShipped, OrderDelivered and OrderCanceled.

use domain::{EventId, EventKind, Order, OrderStatus, OutboxEvent};
use dynamodb::StoredOrder;
use lambda::InvocationError;
use serde_json::json;
use test_support::{AwsError, Invocation, TestShop, concurrently, invocation};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

/// Returns a shop where the seeded order has this status, with or without a reservation, and with
/// this event in its outbox, if any. Reserved units are subtracted from the stock.
async fn shop_with_order(status: OrderStatus, stock_reserved: bool, outbox: Option<EventKind>) -> TestShop {
    let shop = TestShop::seeded().await;
    let seed = shop.order("001").await.unwrap();
    let outbox = outbox.map(|kind| OutboxEvent::new(&seed.id, kind, seed.created_at, "c-1".parse().unwrap()));
    let order = Order { status, stock_reserved, ..seed };
    shop.put_stored_order(&StoredOrder { outbox, ..order.into() }).await;
    if stock_reserved {
        shop.set_stock("001", 149).await;
        shop.set_stock("002", 199).await;
    }
    shop
}

/// Returns an event of the seeded order from another producer, without metadata.
fn external_event(kind: EventKind) -> Invocation {
    invocation::event(kind.as_str(), &detail(kind, ""))
}

/// Returns an event of the seeded order from its outbox.
fn outbox_event(kind: EventKind) -> Invocation {
    let id = EventId::derive(&"001".parse().unwrap(), kind);
    let metadata = format!(
        r#","metadata":{{"eventId":"{id}","occurredAt":"2025-01-01T00:00:00Z","schemaVersion":1,"correlationId":"c-1"}}"#
    );
    invocation::event(kind.as_str(), &detail(kind, &metadata))
}

fn detail(kind: EventKind, metadata: &str) -> String {
    let content = match kind {
        // The items differ from those of the order. The function must use the items of the order.
        EventKind::Canceled => r#","customerId":"001","items":[{"productId":"001","quantity":1000}]"#,
        _ => "",
    };
    format!(r#"{{"detailType":"{kind}","orderId":"001","orderStatus":"{kind}"{content}{metadata}}}"#)
}

fn conflict() -> AwsError {
    AwsError::transaction_canceled(&["None", "TransactionConflict", "None"])
}

async fn apply(shop: &TestShop, event: Invocation) -> Result<(), InvocationError> {
    shop.inventory_service().handle(event).await.map(drop)
}

/// Returns the seeded order's status, reservation and outbox, and the stock of its two products.
async fn state(shop: &TestShop) -> (OrderStatus, bool, Option<EventKind>, u64, u64) {
    let stored = shop.stored_order("001").await.unwrap();
    let (order, kind) = (stored.order, stored.outbox.map(|event| event.kind));
    (order.status, order.stock_reserved, kind, shop.stock_of("001").await, shop.stock_of("002").await)
}

#[tokio::test]
async fn shipped_and_delivered_events_set_the_status_and_keep_the_stock() {
    for (kind, from, to) in
        [(EventKind::Shipped, Confirmed, Shipped), (EventKind::Delivered, Shipped, Delivered)]
    {
        // This system's own event first looks for itself in the outbox.
        for (event, updates) in [(external_event(kind), 1), (outbox_event(kind), 2)] {
            let shop = shop_with_order(from, true, None).await;
            apply(&shop, event).await.unwrap();
            assert_eq!(state(&shop).await, (to, true, None, 149, 199));
            assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"UpdateItem": updates}));
        }
    }
}

#[tokio::test]
async fn an_event_of_an_applied_change_clears_the_outbox_in_one_write() {
    for (kind, status) in [(EventKind::Shipped, Shipped), (EventKind::Delivered, Delivered)] {
        let shop = shop_with_order(status, true, Some(kind)).await;
        apply(&shop, outbox_event(kind)).await.unwrap();
        assert_eq!(state(&shop).await, (status, true, None, 149, 199));
        assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"UpdateItem": 1}));
    }
}

#[tokio::test]
async fn an_event_does_not_clear_the_outbox_of_another_event() {
    let shop = shop_with_order(Shipped, true, Some(EventKind::Shipped)).await;
    apply(&shop, external_event(EventKind::Shipped)).await.unwrap();
    assert_eq!(state(&shop).await.2, Some(EventKind::Shipped));

    let shop = shop_with_order(Delivered, true, Some(EventKind::Delivered)).await;
    apply(&shop, outbox_event(EventKind::Shipped)).await.unwrap();
    assert_eq!(state(&shop).await.2, Some(EventKind::Delivered));

    let shop = shop_with_order(Canceled, false, Some(EventKind::Canceled)).await;
    apply(&shop, external_event(EventKind::Canceled)).await.unwrap();
    assert_eq!(state(&shop).await.2, Some(EventKind::Canceled));
}

#[tokio::test]
async fn an_event_that_is_already_applied_changes_nothing() {
    let cases = [
        (EventKind::Shipped, Shipped),
        (EventKind::Shipped, Delivered),
        (EventKind::Delivered, Delivered),
        (EventKind::Canceled, Canceled),
        (EventKind::Canceled, Rejected),
    ];
    for (kind, status) in cases {
        for event in [external_event(kind), outbox_event(kind)] {
            let shop = shop_with_order(status, false, None).await;
            let before = shop.snapshot().await;
            apply(&shop, event).await.unwrap();
            assert_eq!(shop.snapshot().await, before, "{kind} of {status}");
        }
    }
}

#[tokio::test]
async fn an_event_that_is_too_early_fails_with_a_retryable_error() {
    let cases =
        [(EventKind::Shipped, Placed), (EventKind::Delivered, Placed), (EventKind::Delivered, Confirmed)];
    for (kind, status) in cases {
        let shop = shop_with_order(status, false, None).await;
        let before = shop.snapshot().await;
        let error = apply(&shop, outbox_event(kind)).await.unwrap_err();
        assert_eq!(error.error_type, inventory_service::TOO_EARLY, "{kind} of {status}");
        assert_eq!(shop.snapshot().await, before);
    }
    let shop = TestShop::empty().await;
    for kind in [EventKind::Shipped, EventKind::Delivered] {
        let error = apply(&shop, external_event(kind)).await.unwrap_err();
        assert_eq!(error.error_type, inventory_service::TOO_EARLY, "{kind} of no order");
    }
    assert!(shop.orders().await.is_empty());
}

#[tokio::test]
async fn an_event_for_a_forbidden_transition_fails_permanently() {
    let cases = [
        (EventKind::Shipped, Canceled),
        (EventKind::Shipped, Rejected),
        (EventKind::Delivered, Canceled),
        (EventKind::Delivered, Rejected),
        (EventKind::Canceled, Shipped),
        (EventKind::Canceled, Delivered),
    ];
    for (kind, status) in cases {
        let shop = shop_with_order(status, false, None).await;
        let before = shop.snapshot().await;
        let error = apply(&shop, outbox_event(kind)).await.unwrap_err();
        assert_eq!(error.error_type, inventory_service::ILLEGAL_TRANSITION, "{kind} of {status}");
        assert!(error.message.contains("001") && error.message.contains(status.as_str()), "{error}");
        assert_eq!(shop.snapshot().await, before);
    }
}

#[tokio::test]
async fn a_canceled_event_releases_the_stock_that_the_order_reserved() {
    let canceled = Some(EventKind::Canceled);
    let (external, own) = (|| external_event(EventKind::Canceled), || outbox_event(EventKind::Canceled));
    for (status, outbox, event, outbox_after) in [
        (Confirmed, None, external(), None),
        (Confirmed, None, own(), None),
        (Canceled, canceled, own(), None),
        // The event of the cancellation is not published yet.
        (Canceled, canceled, external(), canceled),
    ] {
        let shop = shop_with_order(status, true, outbox).await;
        apply(&shop, event).await.unwrap();
        assert_eq!(state(&shop).await, (Canceled, false, outbox_after, 150, 200));
        assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"GetItem": 1, "TransactWriteItems": 1}));
    }
}

#[tokio::test]
async fn duplicate_canceled_events_release_stock_once() {
    let shop = shop_with_order(Confirmed, true, None).await;
    apply(&shop, outbox_event(EventKind::Canceled)).await.unwrap();
    let after_first = shop.snapshot().await;
    apply(&shop, outbox_event(EventKind::Canceled)).await.unwrap();
    apply(&shop, external_event(EventKind::Canceled)).await.unwrap();
    assert_eq!(shop.snapshot().await, after_first);
}

#[tokio::test]
async fn twenty_concurrent_canceled_events_release_stock_once() {
    let shop = shop_with_order(Confirmed, true, None).await;
    let service = shop.inventory_service();
    for outcome in concurrently((0..20).map(|_| service.handle(outbox_event(EventKind::Canceled)))).await {
        outcome.unwrap();
    }
    assert_eq!(state(&shop).await, (Canceled, false, None, 150, 200));
}

#[tokio::test]
async fn a_canceled_event_without_a_reservation_releases_nothing() {
    for (status, outbox) in [(Placed, Some(EventKind::Placed)), (Canceled, Some(EventKind::Canceled))] {
        let shop = shop_with_order(status, false, outbox).await;
        apply(&shop, outbox_event(EventKind::Canceled)).await.unwrap();
        assert_eq!(state(&shop).await, (Canceled, false, None, 150, 200));
        assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"GetItem": 1, "UpdateItem": 1}));
    }
}

#[tokio::test]
async fn a_canceled_event_before_its_order_creates_a_canceled_order() {
    let shop = TestShop::seeded().await;
    let canceled = r#"{"detailType":"OrderCanceled","orderId":"new-1","orderStatus":"OrderCanceled","customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
    apply(&shop, invocation::event("OrderCanceled", canceled)).await.unwrap();
    let placed = r#"{"detailType":"OrderPlaced","orderId":"new-1","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":79.99}"#;
    apply(&shop, invocation::event("OrderPlaced", placed)).await.unwrap();
    let order = shop.order("new-1").await.unwrap();
    assert_eq!((order.status, order.stock_reserved), (Canceled, false));
    assert_eq!(shop.stock_of("001").await, 150);
}

#[tokio::test]
async fn a_cancellation_releases_stock_that_is_reserved_after_its_read() {
    let shop = shop_with_order(Placed, false, None).await;
    let gate = shop.proxy.on("UpdateItem").hold_request();
    let cancel = apply(&shop, outbox_event(EventKind::Canceled));
    let reserve = async {
        gate.reached().await;
        let placed = r#"{"detailType":"OrderPlaced","orderId":"001","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98}"#;
        apply(&shop, invocation::event("OrderPlaced", placed)).await.unwrap();
        assert_eq!(state(&shop).await, (Confirmed, true, Some(EventKind::Confirmed), 149, 199));
        gate.open();
    };
    tokio::join!(cancel, reserve).0.unwrap();
    assert_eq!(state(&shop).await, (Canceled, false, None, 150, 200));
}

#[tokio::test]
async fn a_cancellation_fails_when_the_order_is_shipped_after_its_read() {
    let shop = shop_with_order(Confirmed, true, None).await;
    let gate = shop.proxy.on("TransactWriteItems").hold_request();
    let cancel = apply(&shop, outbox_event(EventKind::Canceled));
    let ship = async {
        gate.reached().await;
        apply(&shop, external_event(EventKind::Shipped)).await.unwrap();
        gate.open();
    };
    let error = tokio::join!(cancel, ship).0.unwrap_err();
    assert_eq!(error.error_type, inventory_service::ILLEGAL_TRANSITION);
    assert_eq!(state(&shop).await, (Shipped, true, None, 149, 199));
}

#[tokio::test]
async fn a_cancellation_releases_the_stock_of_an_order_that_is_created_after_its_read() {
    let shop = TestShop::seeded().await;
    let gate = shop.proxy.on("PutItem").hold_request();
    let event = |kind: &str, total: &str| {
        invocation::event(
            kind,
            &format!(
                r#"{{"detailType":"{kind}","orderId":"new-1","orderStatus":"{kind}","customerId":"001","items":[{{"productId":"001","quantity":1}}]{total}}}"#
            ),
        )
    };
    let cancel = apply(&shop, event("OrderCanceled", ""));
    let place = async {
        gate.reached().await;
        apply(&shop, event("OrderPlaced", r#","totalAmount":79.99"#)).await.unwrap();
        assert_eq!(shop.stock_of("001").await, 149);
        gate.open();
    };
    tokio::join!(cancel, place).0.unwrap();
    assert_eq!(shop.order("new-1").await.unwrap().status, Canceled);
    assert_eq!(shop.stock_of("001").await, 150);
}

/// Makes the queue accept no message.
fn refuse_queue(shop: &TestShop) {
    shop.queues.on("SendMessage").always().fail(AwsError::unavailable());
}

#[tokio::test]
async fn retries_conflicts_without_the_queue() {
    let shop = shop_with_order(Confirmed, true, None).await;
    refuse_queue(&shop);
    shop.proxy.on("TransactWriteItems").times(3).fail(conflict());
    apply(&shop, outbox_event(EventKind::Canceled)).await.unwrap();
    assert_eq!(state(&shop).await, (Canceled, false, None, 150, 200));

    let shop = shop_with_order(Confirmed, true, None).await;
    refuse_queue(&shop);
    shop.proxy.on("UpdateItem").times(2).fail(AwsError::transaction_conflict());
    apply(&shop, outbox_event(EventKind::Shipped)).await.unwrap();
}

#[tokio::test]
async fn fails_as_busy_when_conflicts_persist_and_there_is_no_queue() {
    let shop = shop_with_order(Confirmed, true, None).await;
    refuse_queue(&shop);
    let before = shop.snapshot().await;
    shop.proxy.on("TransactWriteItems").always().fail(conflict());
    shop.proxy.on("UpdateItem").always().fail(AwsError::transaction_conflict());
    for kind in [EventKind::Canceled, EventKind::Shipped] {
        let error = apply(&shop, outbox_event(kind)).await.unwrap_err();
        assert_eq!(error.error_type, inventory_service::BUSY);
    }
    assert_eq!(shop.snapshot().await, before);
    shop.proxy.reset();
    apply(&shop, outbox_event(EventKind::Shipped)).await.unwrap();
}

#[tokio::test]
async fn releases_stock_once_when_the_response_is_lost() {
    for lost in [1, usize::MAX] {
        let shop = shop_with_order(Confirmed, true, None).await;
        refuse_queue(&shop);
        // The first call reads the order.
        shop.proxy.on_any_call().nth(2).times(lost).drop_response();
        // If all responses are lost the event fails, and Lambda delivers it again.
        assert_eq!(apply(&shop, outbox_event(EventKind::Canceled)).await.is_ok(), lost == 1);
        shop.proxy.reset();
        apply(&shop, outbox_event(EventKind::Canceled)).await.unwrap();
        assert_eq!(state(&shop).await, (Canceled, false, None, 150, 200));
    }
}
