//! The relay: no event is lost when PutEvents fails.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{EventKind, Order, OrderEvent, OrderStatus, OutboxEvent};
use dynamodb::StoredOrder;
use serde_json::{Value, json};
use test_support::{AwsError, BusBehavior, Gate, StreamReader, TestShop, batch_item_failures, invocation};

/// The number of calls that the SDK makes before it returns the error of a failing call.
const SDK_CALLS: usize = 3;
/// The number of attempts that the relay makes for rejected entries.
const ATTEMPTS: usize = 3;

/// Stores orders with an OrderPlaced event in their outbox, and returns their stream records.
async fn store_placed_orders(shop: &TestShop, count: usize) -> Vec<Value> {
    let mut stream = shop.order_stream().await;
    stream.read().await;
    for n in 0..count {
        store_placed_order(shop, &format!("order-{n:03}")).await;
    }
    stream.read().await
}

async fn store_placed_order(shop: &TestShop, id: &str) {
    let seed = shop.order("001").await.unwrap();
    let id = id.parse().unwrap();
    let event = OutboxEvent::new(&id, EventKind::Placed, seed.created_at, "c-1".parse().unwrap());
    shop.put_order_with_event(Order { id, ..seed }, event).await;
}

/// Invokes the function with records, and returns the sequence number of the first failed record,
/// if any.
async fn relay(shop: &TestShop, records: &[Value]) -> Vec<String> {
    batch_item_failures(&shop.order_service().handle(invocation::stream(records)).await.unwrap())
}

/// Invokes the function until no record fails, each time from the first failed record on, as Lambda
/// does. Returns the number of invocations.
async fn relay_until_done(shop: &TestShop, records: &[Value]) -> usize {
    let mut pending = records;
    for invocation in 1..100 {
        let failed = relay(shop, pending).await;
        let Some(first) = failed.first() else {
            return invocation;
        };
        pending = &pending[pending.iter().position(|record| sequence_number(record) == *first).unwrap()..];
    }
    panic!("the relay does not finish");
}

fn sequence_number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}

fn published_orders(shop: &TestShop) -> Vec<String> {
    shop.bus.published().iter().map(|event| event.detail()["orderId"].as_str().unwrap().to_owned()).collect()
}

fn order_ids(count: usize) -> BTreeSet<String> {
    (0..count).map(|n| format!("order-{n:03}")).collect()
}

#[tokio::test]
async fn publishes_an_event_in_the_format_of_the_contract() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 1).await;
    assert_eq!(relay(&shop, &records).await, Vec::<String>::new());
    let [event] = shop.bus.published().try_into().unwrap();
    assert_eq!(event.entry.event_bus_name.as_deref(), Some(test_support::BUS_NAME));
    assert_eq!(event.entry.source.as_deref(), Some("ecommerce.order"));
    assert_eq!(event.detail_type(), "OrderPlaced");
    let detail = concat!(
        r#"{"detailType":"OrderPlaced","orderId":"order-000","orderStatus":"OrderPlaced","customerId":"001","#,
        r#""items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98,"metadata":"#
    );
    assert!(event.detail_text().starts_with(detail), "{}", event.detail_text());
    let StoredOrder { order, outbox, .. } = shop.stored_order("order-000").await.unwrap();
    let metadata = json!({"eventId": outbox.unwrap().id.as_str(), "occurredAt": order.created_at.to_string(),
        "schemaVersion": 1, "correlationId": "c-1", "sequence": 1});
    assert_eq!(event.detail()["metadata"], metadata);
    assert_eq!(event.entry.time, Some(order.created_at.unix_seconds() as f64));
}

#[tokio::test]
async fn publishes_at_most_ten_events_per_call() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 25).await;
    assert!(relay(&shop, &records).await.is_empty());
    let mut sizes: Vec<_> = shop.bus.calls().iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 10, 10]);
    assert_eq!(published_orders(&shop).into_iter().collect::<BTreeSet<_>>(), order_ids(25));
}

#[tokio::test]
async fn retries_only_rejected_entries() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 10).await;
    shop.bus.script([
        BusBehavior::reject([(2, "InternalFailure"), (7, "ThrottlingException")]),
        BusBehavior::reject([(1, "InternalFailure")]),
    ]);
    assert!(relay(&shop, &records).await.is_empty());
    let sizes: Vec<_> = shop.bus.calls().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 2, 1]);
    assert_eq!(published_orders(&shop).len(), 10);
    assert_eq!(published_orders(&shop).into_iter().collect::<BTreeSet<_>>(), order_ids(10));
}

#[tokio::test]
async fn fails_the_batch_from_the_first_entry_that_stays_rejected() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 10).await;
    shop.bus.script([BusBehavior::reject([(3, "InternalFailure"), (6, "InternalFailure")])]);
    shop.bus
        .script((1..ATTEMPTS).map(|_| BusBehavior::reject([(0, "InternalFailure"), (1, "InternalFailure")])));
    assert_eq!(relay(&shop, &records).await, [sequence_number(&records[3])]);
    assert_eq!(published_orders(&shop).len(), 8, "the other events are published");
    relay_until_done(&shop, &records[3..]).await;
    assert_eq!(published_orders(&shop).into_iter().collect::<BTreeSet<_>>(), order_ids(10));
}

#[tokio::test]
async fn reports_the_first_record_when_every_call_fails() {
    for error in
        [AwsError::throttled(), AwsError::internal(), AwsError::unavailable(), AwsError::access_denied()]
    {
        let shop = TestShop::seeded().await;
        let records = store_placed_orders(&shop, 12).await;
        shop.bus.set_default(BusBehavior::Fail(error));
        assert_eq!(relay(&shop, &records).await, [sequence_number(&records[0])]);
        assert!(published_orders(&shop).is_empty());
        shop.bus.set_default(BusBehavior::Accept);
        assert_eq!(relay_until_done(&shop, &records).await, 1);
        assert_eq!(published_orders(&shop).into_iter().collect::<BTreeSet<_>>(), order_ids(12));
    }
}

#[tokio::test]
async fn reports_the_first_record_of_the_failed_call() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 15).await;
    // The calls are concurrent, so either of them may be the first.
    shop.bus.script([BusBehavior::Accept]);
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    let failed = relay(&shop, &records).await;
    let first = if published_orders(&shop).len() == 10 { 10 } else { 0 };
    assert_eq!(failed, [sequence_number(&records[first])]);
    assert_eq!(published_orders(&shop).len(), if first == 10 { 10 } else { 5 });
    shop.bus.set_default(BusBehavior::Accept);
    relay_until_done(&shop, &records[first..]).await;
    assert_eq!(published_orders(&shop).into_iter().collect::<BTreeSet<_>>(), order_ids(15));
}

#[tokio::test]
async fn repeats_a_call_with_the_same_event_ids_when_its_response_is_lost() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 3).await;
    shop.bus.script([BusBehavior::DropResponse]);
    assert!(relay(&shop, &records).await.is_empty());
    let ids =
        |event: &test_support::PublishedEvent| event.detail()["metadata"]["eventId"].clone().to_string();
    let published = shop.bus.published();
    assert_eq!(published.len(), 6);
    assert_eq!(published.iter().map(ids).collect::<BTreeSet<_>>().len(), 3);
}

#[tokio::test]
async fn publishes_every_event_after_all_kinds_of_failures() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 23).await;
    let for_one_chunk = |behavior: BusBehavior| vec![behavior; SDK_CALLS * ATTEMPTS];
    shop.bus.script([BusBehavior::reject([(0, "InternalFailure"), (9, "InternalFailure")])]);
    shop.bus.script(for_one_chunk(BusBehavior::Fail(AwsError::throttled())));
    shop.bus.script(for_one_chunk(BusBehavior::DropResponse));
    shop.bus.script(for_one_chunk(BusBehavior::DropRequest));
    shop.bus.script([BusBehavior::reject([(4, "InternalFailure")]), BusBehavior::DropResponse]);
    assert!(relay_until_done(&shop, &records).await > 1);
    assert_eq!(published_orders(&shop).into_iter().collect::<BTreeSet<_>>(), order_ids(23));
}

#[tokio::test]
async fn publishes_again_when_records_are_redelivered() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 3).await;
    assert!(relay(&shop, &records).await.is_empty());
    assert!(relay(&shop, &records).await.is_empty());
    assert_eq!(published_orders(&shop).len(), 6);
}

#[tokio::test]
async fn publishes_an_event_only_for_a_change_of_the_outbox_event() {
    let shop = TestShop::seeded().await;
    let mut stream: StreamReader = shop.order_stream().await;
    stream.read().await;
    store_placed_order(&shop, "order-000").await;
    let mut stored = shop.stored_order("order-000").await.unwrap();
    // A change of another attribute keeps the event, which is published already.
    stored.order.updated_at = "2026-01-01T00:00:00Z".parse().unwrap();
    shop.put_stored_order(&stored).await;
    // The outbox gets the same event with another time.
    stored.outbox.as_mut().unwrap().time = stored.order.updated_at;
    shop.put_stored_order(&stored).await;
    // The order is confirmed, and its outbox is cleared.
    (stored.order.status, stored.outbox) = (OrderStatus::Confirmed, None);
    shop.put_stored_order(&stored).await;
    // The order is canceled, which puts another event into the outbox.
    let canceled = OutboxEvent::new(
        &stored.order.id,
        EventKind::Canceled,
        stored.order.updated_at,
        "c-2".parse().unwrap(),
    );
    (stored.order.status, stored.outbox) = (OrderStatus::Canceled, Some(canceled));
    shop.put_stored_order(&stored).await;
    shop.delete(&shop.tables.orders, "OrderId", "order-000").await;

    let records = stream.read().await;
    assert_eq!(records.len(), 6);
    assert!(relay(&shop, &records).await.is_empty());
    let kinds: Vec<_> = shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    assert_eq!(kinds, ["OrderPlaced", "OrderCanceled"]);
}

#[tokio::test]
async fn publishes_events_that_consumers_can_read() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    let seed = shop.order("001").await.unwrap();
    for kind in EventKind::ALL {
        let id = format!("order-{kind}").parse().unwrap();
        let event = OutboxEvent::new(&id, kind, seed.created_at, "c-1".parse().unwrap());
        shop.put_order_with_event(Order { id, ..seed.clone() }, event).await;
    }
    assert!(relay(&shop, &stream.read().await).await.is_empty());
    let events = shop.bus.published();
    assert_eq!(events.len(), EventKind::ALL.len());
    for event in events {
        let read = OrderEvent::from_json(event.detail_text()).unwrap();
        assert_eq!(read.kind().as_str(), event.detail_type());
    }
}

#[tokio::test]
async fn publishes_ten_orders_of_maximum_size_in_one_call() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    let seed = shop.order("001").await.unwrap();
    for n in 0..10 {
        let items = (0..50).map(|line| {
            let mut item = seed.items[0].clone();
            item.line.product_id = format!("{line:064}").parse().unwrap();
            item.line.quantity = domain::Quantity::new(1000).unwrap();
            item
        });
        let id = format!("{n:064}").parse().unwrap();
        let event =
            OutboxEvent::new(&id, EventKind::Placed, seed.created_at, "c".repeat(128).parse().unwrap());
        shop.put_order_with_event(Order { id, items: items.collect(), ..seed.clone() }, event).await;
    }
    assert!(relay(&shop, &stream.read().await).await.is_empty());
    assert_eq!((shop.bus.calls().len(), shop.bus.published().len()), (1, 10));
}

#[tokio::test]
async fn fails_unpublished_records_when_the_time_runs_out() {
    let shop = TestShop::seeded().await;
    let records = store_placed_orders(&shop, 15).await;
    shop.bus.script([BusBehavior::HoldRequest(Gate::default())]);
    let invocation =
        invocation::with_remaining_time(invocation::stream(&records), Duration::from_millis(1_500));
    let failed = batch_item_failures(&shop.order_service().handle(invocation).await.unwrap());
    let first = records.iter().position(|record| sequence_number(record) == failed[0]).unwrap();
    assert_eq!(shop.bus.calls().len(), 2, "no call is retried");
    assert_eq!(published_orders(&shop).len(), if first == 0 { 5 } else { 10 });

    relay_until_done(&shop, &records[first..]).await;
    assert_eq!(published_orders(&shop).into_iter().collect::<BTreeSet<_>>(), order_ids(15));
}
