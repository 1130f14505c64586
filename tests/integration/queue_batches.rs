//! Batches of events from a queue: each event ends as if it had come alone.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{EventKind, Order, OrderStatus, Quantity};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::json;
use test_support::{AwsError, Invocation, TestShop, batch_item_failures, concurrently, invocation};

use OrderStatus::{Canceled, Confirmed, Rejected, Shipped};

const CONFLICT: &str = "TransactionConflict";

/// Where the seeds of failures are kept.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/queue_batches.txt");

/// Products and pieces of an order.
type Items<'a> = &'a [(&'a str, u32)];

/// Stores a placed order that is not the seed's.
async fn store(shop: &TestShop, id: &str, items: Items<'_>) -> Order {
    let seeded = shop.order("001").await.unwrap();
    let item = |(product, quantity): &(&str, u32)| {
        let mut item = seeded.items[0].clone();
        item.line.product_id = product.parse().unwrap();
        item.line.quantity = Quantity::new(*quantity).unwrap();
        item
    };
    let order = Order { id: id.parse().unwrap(), items: items.iter().map(item).collect(), ..seeded };
    shop.put_order(&order).await;
    order
}

/// Stores so many orders of one piece of product 001; their OrderPlaced events.
async fn store_singles(shop: &TestShop, count: usize) -> Vec<Invocation> {
    let mut events = Vec::new();
    for n in 0..count {
        let id = format!("order-{n:03}");
        store(shop, &id, &[("001", 1)]).await;
        events.push(placed(&id, &[("001", 1)]));
    }
    events
}

fn placed(id: &str, items: Items<'_>) -> Invocation {
    event(EventKind::Placed, id, items)
}

fn event(kind: EventKind, id: &str, items: Items<'_>) -> Invocation {
    let lines: Vec<_> =
        items.iter().map(|(product, quantity)| json!({"productId": product, "quantity": quantity})).collect();
    let mut detail = json!({"detailType": kind.as_str(), "orderId": id, "orderStatus": kind.as_str()});
    if matches!(kind, EventKind::Placed | EventKind::Canceled) {
        detail["customerId"] = "001".into();
        detail["items"] = lines.into();
    }
    if kind == EventKind::Placed {
        detail["totalAmount"] = json!(1);
    }
    invocation::event(kind.as_str(), &detail.to_string())
}

/// Hands a batch over; the messages that are to come again.
async fn apply(shop: &TestShop, events: &[Invocation]) -> Vec<String> {
    hand_over(shop, invocation::queue(events)).await
}

/// The same, if that is the time that there is for calls.
async fn apply_in_half_a_second(shop: &TestShop, events: &[Invocation]) -> Vec<String> {
    hand_over(shop, invocation::with_remaining_time(invocation::queue(events), Duration::from_millis(1_500)))
        .await
}

async fn hand_over(shop: &TestShop, batch: Invocation) -> Vec<String> {
    batch_item_failures(&shop.inventory_service().handle(batch).await.unwrap())
}

async fn status(shop: &TestShop, id: &str) -> (OrderStatus, bool) {
    let order = shop.order(id).await.unwrap();
    (order.status, order.stock_reserved)
}

/// How many orders there are of each status, but for the seed's.
async fn statuses(shop: &TestShop) -> BTreeMap<&'static str, usize> {
    let mut statuses = BTreeMap::new();
    for order in shop.orders().await.iter().filter(|order| order.id.as_str() != "001") {
        assert_eq!(order.stock_reserved, order.status == Confirmed, "{order:?}");
        *statuses.entry(order.status.as_str()).or_default() += 1;
    }
    statuses
}

fn calls(shop: &TestShop) -> serde_json::Value {
    json!(shop.proxy.calls_by_operation())
}

#[tokio::test]
async fn ninety_nine_orders_of_one_product_are_confirmed_by_one_transaction() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 99).await;
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 99)].into());
    assert_eq!(shop.stock_of("001").await, 51);
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 1}));
    assert!(shop.orders().await.iter().all(|order| order.id.as_str() == "001" || order.event.is_none()));
}

#[tokio::test]
async fn more_than_fit_into_one_transaction_take_as_many_as_they_need() {
    let shop = TestShop::seeded().await;
    let mut events = Vec::new();
    for n in 0..120 {
        let id = format!("order-{n:03}");
        let product = ["001", "002"][n % 2];
        store(&shop, &id, &[(product, 1)]).await;
        events.push(placed(&id, &[(product, 1)]));
    }
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 120)].into());
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (90, 140));
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 2}));
}

#[tokio::test]
async fn orders_of_fifty_lines_never_make_a_transaction_too_large() {
    let shop = TestShop::seeded().await;
    let products: Vec<String> = (0..150).map(|n| format!("p{n:03}")).collect();
    for product in &products {
        shop.set_stock(product, 1).await;
    }
    let mut events = Vec::new();
    for (n, of_order) in products.chunks(50).enumerate() {
        let items: Vec<_> = of_order.iter().map(|product| (product.as_str(), 1)).collect();
        store(&shop, &format!("large-{n}"), &items).await;
        events.push(placed(&format!("large-{n}"), &items));
    }
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 3)].into());
    assert!(
        shop.proxy
            .requests("TransactWriteItems")
            .iter()
            .all(|request| { request["TransactItems"].as_array().unwrap().len() <= 100 })
    );
}

#[tokio::test]
async fn those_for_whom_the_stock_does_not_last_are_rejected_and_the_others_confirmed() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 10).await;
    let events = store_singles(&shop, 30).await;
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 10), ("Rejected", 20)].into());
    assert_eq!(shop.stock_of("001").await, 0);
    // First come, first served; and each rejected order says why, and tells others.
    assert_eq!(status(&shop, "order-009").await, (Confirmed, true));
    let rejected = shop.order("order-010").await.unwrap();
    let shortages = r#"[{"productId":"001","requested":1,"available":0}]"#;
    assert_eq!(serde_json::to_string(&rejected.shortages).unwrap(), shortages);
    assert_eq!(rejected.event.unwrap().kind, EventKind::Rejected);
    // One that finds out, one for those who get theirs, one that finds the rest short.
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 3, "UpdateItem": 20}));
}

#[tokio::test]
async fn an_order_that_asks_for_too_much_does_not_take_from_those_behind_it() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 4).await;
    shop.set_stock("002", 4).await;
    let orders: [(&str, Items<'_>); 4] = [
        ("a", &[("001", 3)]),
        ("too-much", &[("001", 5), ("002", 1)]),
        ("not-after-a", &[("001", 2), ("002", 1)]),
        ("b", &[("001", 1), ("002", 4)]),
    ];
    let mut events = Vec::new();
    for (id, items) in orders {
        store(&shop, id, items).await;
        events.push(placed(id, items));
    }
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    for (id, end) in [("a", Confirmed), ("too-much", Rejected), ("not-after-a", Rejected), ("b", Confirmed)] {
        assert_eq!(status(&shop, id).await.0, end, "{id}");
    }
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (0, 0));
    let shortages = shop.order("too-much").await.unwrap().shortages;
    assert_eq!(
        serde_json::to_string(&shortages).unwrap(),
        r#"[{"productId":"001","requested":5,"available":4}]"#
    );
}

#[tokio::test]
async fn a_duplicate_in_a_batch_or_in_the_next_takes_nothing() {
    let shop = TestShop::seeded().await;
    store(&shop, "a", &[("001", 2)]).await;
    store(&shop, "b", &[("001", 3)]).await;
    let first = [placed("a", &[("001", 2)]), placed("a", &[("001", 2)]), placed("b", &[("001", 3)])];
    assert_eq!(apply(&shop, &first).await, [""; 0]);
    let after_first = shop.snapshot().await;
    assert_eq!(shop.stock_of("001").await, 145);

    assert_eq!(apply(&shop, &first).await, [""; 0]);
    assert_eq!(shop.snapshot().await, after_first);
}

#[tokio::test]
async fn stock_that_only_duplicates_ask_for_is_there_for_others() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 3).await;
    store(&shop, "a", &[("001", 2)]).await;
    store(&shop, "b", &[("001", 1)]).await;
    assert_eq!(apply(&shop, &[placed("a", &[("001", 2)])]).await, [""; 0]);
    let events = [placed("a", &[("001", 2)]), placed("b", &[("001", 1)])];
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status(&shop, "b").await, (Confirmed, true));
    assert_eq!(shop.stock_of("001").await, 0);
}

#[tokio::test]
async fn the_same_batch_many_times_at_once_takes_the_stock_once() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 20).await;
    let service = shop.inventory_service();
    for answer in concurrently((0..8).map(|_| service.handle(invocation::queue(&events)))).await {
        assert_eq!(batch_item_failures(&answer.unwrap()), [""; 0]);
    }
    assert_eq!(statuses(&shop).await, [("Confirmed", 20)].into());
    assert_eq!(shop.stock_of("001").await, 130);
}

#[tokio::test]
async fn many_batches_at_once_never_sell_more_than_there_is() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 25).await;
    let events = store_singles(&shop, 100).await;
    let service = shop.inventory_service();
    for answer in concurrently(events.chunks(10).map(|batch| service.handle(invocation::queue(batch)))).await
    {
        assert_eq!(batch_item_failures(&answer.unwrap()), [""; 0]);
    }
    assert_eq!(statuses(&shop).await, [("Confirmed", 25), ("Rejected", 75)].into());
    assert_eq!(shop.stock_of("001").await, 0);
}

#[tokio::test]
async fn orders_of_other_producers_are_created_along_with_the_reservation() {
    let shop = TestShop::seeded().await;
    store(&shop, "own", &[("001", 1)]).await;
    let events = [
        placed("new-1", &[("001", 2)]),
        placed("own", &[("001", 1)]),
        placed("new-2", &[("001", 3), ("002", 1)]),
        placed("new-3", &[("002", 1000)]),
    ];
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    for (id, end) in [("new-1", Confirmed), ("own", Confirmed), ("new-2", Confirmed), ("new-3", Rejected)] {
        assert_eq!(status(&shop, id).await, (end, end == Confirmed), "{id}");
    }
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (144, 199));
    assert_eq!(shop.order("new-2").await.unwrap().total_amount.unwrap().to_string(), "1.00");
}

#[tokio::test]
async fn the_stored_orders_have_the_last_word_on_their_lines() {
    let shop = TestShop::seeded().await;
    store(&shop, "a", &[("001", 1)]).await;
    store(&shop, "b", &[("001", 2), ("002", 2)]).await;
    // The one would be rejected for what it claims, the other would take less than it holds.
    let events = [placed("a", &[("001", 1000)]), placed("b", &[("001", 1)]), placed("001", &[("002", 1)])];
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    for id in ["a", "b", "001"] {
        assert_eq!(status(&shop, id).await, (Confirmed, true), "{id}");
    }
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 2}));
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (146, 197));
}

#[tokio::test]
async fn orders_that_have_moved_on_are_left_as_they_are_and_do_not_hold_up_the_others() {
    let shop = TestShop::seeded().await;
    let mut events = Vec::new();
    for status in [Canceled, Shipped, Rejected] {
        let order = store(&shop, status.as_str(), &[("001", 1)]).await;
        shop.put_order(&Order { status, event: None, ..order }).await;
        events.push(placed(status.as_str(), &[("001", 1)]));
    }
    let before = shop.snapshot().await;
    store(&shop, "fresh", &[("001", 1)]).await;
    events.push(placed("fresh", &[("001", 1)]));
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status(&shop, "fresh").await, (Confirmed, true));
    let mut after = shop.snapshot().await;
    after.orders.remove("fresh");
    assert_eq!((after.orders, shop.stock_of("001").await), (before.orders, 149));
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 2}));
}

#[tokio::test]
async fn an_order_that_is_canceled_while_the_others_are_reserved_takes_nothing() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 3).await;
    let gate = shop.proxy.on("TransactWriteItems").hold_request();
    let cancel = async {
        gate.reached().await;
        let order = shop.order("order-001").await.unwrap();
        shop.put_order(&Order { status: Canceled, event: None, ..order }).await;
        gate.open();
    };
    assert_eq!(tokio::join!(apply(&shop, &events), cancel).0, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Canceled", 1), ("Confirmed", 2)].into());
    assert_eq!(shop.stock_of("001").await, 148);
}

#[tokio::test]
async fn an_order_that_is_canceled_while_it_is_found_short_is_not_rejected() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    let events = store_singles(&shop, 1).await;
    let gate = shop.proxy.on("UpdateItem").hold_request();
    let cancel = async {
        gate.reached().await;
        let order = shop.order("order-000").await.unwrap();
        shop.put_order(&Order { status: Canceled, event: None, ..order }).await;
        gate.open();
    };
    assert_eq!(tokio::join!(apply(&shop, &events), cancel).0, [""; 0]);
    let order = shop.order("order-000").await.unwrap();
    assert_eq!((order.status, order.event), (Canceled, None));
    assert_eq!((shop.metrics.order_counts(), shop.metrics.sum("EventsStale")), (BTreeMap::new(), 1));
}

#[tokio::test]
async fn what_a_batch_brings_about_is_counted_as_if_its_events_had_come_alone() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 2).await;
    let mut events = store_singles(&shop, 3).await;
    events.push(placed("order-000", &[("001", 1)]));
    events.push(event(EventKind::Canceled, "order-001", &[("001", 1)]));
    events.push(event(EventKind::Shipped, "unknown", &[]));
    shop.proxy
        .on("TransactWriteItems")
        .times(2)
        .fail(AwsError::transaction_canceled(&["None", "None", "None", CONFLICT]));
    assert_eq!(apply(&shop, &events).await, ["m5"]);
    let counted = [("Canceled", 1), ("Confirmed", 2), ("Rejected", 1)];
    assert_eq!(shop.metrics.order_counts(), counted.map(|(status, count)| (status.to_owned(), count)).into());
    assert_eq!(
        (shop.metrics.sum("EventsStale"), shop.metrics.failures(inventory_service::TOO_EARLY)),
        (1, 1)
    );
    assert_eq!(shop.metrics.sum("ReservationConflicts"), 2);
}

#[tokio::test]
async fn only_what_cannot_be_applied_comes_again() {
    let shop = TestShop::seeded().await;
    store(&shop, "a", &[("001", 1)]).await;
    let done = store(&shop, "done", &[("001", 1)]).await;
    shop.put_order(&Order { status: Canceled, event: None, ..done }).await;
    let bodies = [
        placed("a", &[("001", 1)]).payload.get().to_owned(),
        "no event".to_owned(),
        r#"{"source":"ecommerce.order","detail-type":"OrderPlaced","detail":{}}"#.to_owned(),
        placed("a", &[("001", 1)]).payload.get().replace("ecommerce.order", "somebody.else"),
        event(EventKind::Shipped, "unknown", &[]).payload.get().to_owned(),
        event(EventKind::Shipped, "done", &[]).payload.get().to_owned(),
        placed("new", &[("002", 1)]).payload.get().to_owned(),
    ];
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    let answer = shop.inventory_service().handle(invocation::queue_messages(&bodies)).await.unwrap();
    assert_eq!(batch_item_failures(&answer), ["m1", "m2", "m3", "m4", "m5"]);
    for id in ["a", "new"] {
        assert_eq!(status(&shop, id).await, (Confirmed, true), "{id}");
    }
}

#[tokio::test]
async fn a_stored_order_of_another_layout_fails_alone() {
    let shop = TestShop::seeded().await;
    let mut events = store_singles(&shop, 3).await;
    let mut item = shop.order_item("order-001").await.unwrap();
    item.insert("OrderStatus".to_owned(), tables::text("Lost"));
    shop.put(&shop.tables.orders, item).await;
    events.push(placed("new", &[("001", 1)]));
    assert_eq!(apply(&shop, &events).await, ["m1"]);
    for id in ["order-000", "order-002", "new"] {
        assert_eq!(status(&shop, id).await, (Confirmed, true), "{id}");
    }
    assert_eq!(shop.stock_of("001").await, 147);
}

#[tokio::test]
async fn a_stock_of_another_layout_fails_only_those_who_want_it() {
    let shop = TestShop::seeded().await;
    let mut item = tables::key("ProductId", tables::text("bad"));
    item.insert("Quantity".to_owned(), tables::text("many"));
    shop.put(&shop.tables.inventory, item).await;
    store(&shop, "bad", &[("bad", 1), ("001", 1)]).await;
    let mut events = store_singles(&shop, 2).await;
    events.push(placed("bad", &[("bad", 1), ("001", 1)]));
    assert_eq!(apply(&shop, &events).await, ["m2"]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 2), ("Placed", 1)].into());
    assert_eq!(shop.stock_of("001").await, 148);
}

#[tokio::test]
async fn a_transaction_that_is_refused_as_a_whole_is_made_order_by_order() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 3).await;
    shop.proxy.on("TransactWriteItems").fail(AwsError::new(400, "ValidationException", "too large"));
    shop.proxy.on("TransactWriteItems").fail(AwsError::access_denied());
    assert_eq!(apply(&shop, &events).await.len(), 1);
    assert_eq!(statuses(&shop).await, [("Confirmed", 2), ("Placed", 1)].into());
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 4}));
}

#[tokio::test]
async fn conflicts_on_the_hot_product_are_waited_out() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 2).await;
    let canceled = |reasons: &[&str]| AwsError::transaction_canceled(reasons);
    shop.proxy.on("TransactWriteItems").times(3).fail(canceled(&["None", "None", CONFLICT]));
    shop.proxy.on("TransactWriteItems").fail(canceled(&["None", "None", "ThrottlingError"]));
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 2)].into());
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 5}));
}

#[tokio::test]
async fn an_order_that_others_are_at_does_not_hold_up_the_rest() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 3).await;
    shop.proxy
        .on("TransactWriteItems")
        .fail(AwsError::transaction_canceled(&["None", CONFLICT, "None", "None"]));
    let gate = shop.proxy.on("TransactWriteItems").nth(2).hold_request();
    let look = async {
        gate.reached().await;
        assert_eq!(statuses(&shop).await, [("Confirmed", 2), ("Placed", 1)].into());
        gate.open();
    };
    assert_eq!(tokio::join!(apply(&shop, &events), look).0, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 3)].into());
}

#[tokio::test]
async fn orders_that_are_never_as_they_were_found_are_in_the_end_decided_one_by_one() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 3).await;
    let gone = "ConditionalCheckFailed";
    let changed = AwsError::transaction_canceled(&[gone, gone, gone, "None"]);
    shop.proxy.on("TransactWriteItems").times(6).fail(changed);
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Confirmed", 3)].into());
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 6 + 3}));
}

#[tokio::test]
async fn conflicts_without_end_and_outages_hand_all_of_it_back() {
    let faults = [AwsError::transaction_canceled(&["None", "None", CONFLICT]), AwsError::unavailable()];
    for fault in faults {
        let shop = TestShop::seeded().await;
        let events = store_singles(&shop, 2).await;
        let before = shop.snapshot().await;
        shop.proxy.on("TransactWriteItems").always().fail(fault);
        assert_eq!(apply(&shop, &events).await, ["m0", "m1"]);
        assert_eq!(shop.snapshot().await, before);
        shop.proxy.reset();
        assert_eq!(apply(&shop, &events).await, [""; 0]);
        assert_eq!(statuses(&shop).await, [("Confirmed", 2)].into());
    }
}

#[tokio::test]
async fn a_batch_whose_time_runs_out_hands_back_what_is_not_done() {
    let shop = TestShop::seeded().await;
    let mut events = store_singles(&shop, 2).await;
    let many: Vec<_> = (0..98).map(|n| format!("p{n:03}")).collect();
    for product in &many {
        shop.set_stock(product, 1).await;
    }
    let items: Vec<_> = many[..49].iter().map(|product| (product.as_str(), 1)).collect();
    let others: Vec<_> = many[49..].iter().map(|product| (product.as_str(), 1)).collect();
    for (id, items) in [("large-1", &items), ("large-2", &others)] {
        store(&shop, id, items).await;
        events.push(placed(id, items));
    }
    events.push(event(EventKind::Canceled, "order-001", &[("001", 1)]));
    // The first transaction is made; nobody answers the second.
    let _never_opened = shop.proxy.on("TransactWriteItems").nth(2).always().hold_request();
    let failed = apply_in_half_a_second(&shop, &events).await;
    let confirmed = statuses(&shop).await["Confirmed"];
    assert_eq!(failed.len(), events.len() - confirmed, "{failed:?}");
    assert!(failed.contains(&"m4".to_owned()) && (1..4).contains(&confirmed), "{failed:?}");
    assert_eq!(shop.metrics.failures(inventory_service::BUSY), failed.len() as u64);
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 2}), "nothing is begun after that");

    shop.proxy.reset();
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(statuses(&shop).await, [("Canceled", 1), ("Confirmed", 3)].into());
    assert_eq!(shop.stock_of("001").await, 149);
}

#[tokio::test]
async fn an_order_that_is_rejected_when_time_runs_out_is_handed_back() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    let events = store_singles(&shop, 2).await;
    let _never_opened = shop.proxy.on("UpdateItem").always().hold_request();
    assert_eq!(apply_in_half_a_second(&shop, &events).await, ["m0", "m1"]);
    assert_eq!(shop.proxy.calls("UpdateItem"), 2, "nothing is tried again");
    assert_eq!(statuses(&shop).await, [("Placed", 2)].into());
}

#[tokio::test]
async fn a_function_that_dies_at_any_step_leaves_nothing_half_done() {
    // So many calls come through, then all are cut off, as for a function that
    // is killed; the whole batch is then delivered again.
    for survived in 0..4 {
        for operation in ["TransactWriteItems", "UpdateItem"] {
            for takes_effect in [false, true] {
                let shop = TestShop::seeded().await;
                shop.set_stock("001", 2).await;
                let events = store_singles(&shop, 4).await;
                let rule = shop.proxy.on(operation).nth(survived + 1).always();
                if takes_effect {
                    rule.drop_response()
                } else {
                    rule.drop_request()
                }
                apply(&shop, &events).await;
                shop.proxy.reset();
                assert_eq!(apply(&shop, &events).await, [""; 0]);
                let when = format!("{operation} {survived} {takes_effect}");
                assert_eq!(statuses(&shop).await, [("Confirmed", 2), ("Rejected", 2)].into(), "{when}");
                assert_eq!(shop.stock_of("001").await, 0, "{when}");
            }
        }
    }
}

#[tokio::test]
async fn the_events_of_one_order_are_applied_in_the_order_of_the_batch() {
    let shop = TestShop::seeded().await;
    let events = [
        placed("a", &[("001", 1)]),
        event(EventKind::Shipped, "a", &[]),
        event(EventKind::Canceled, "b", &[("001", 1)]),
        placed("b", &[("001", 1)]),
        event(EventKind::Delivered, "a", &[]),
        placed("c", &[("001", 1)]),
        event(EventKind::Canceled, "c", &[("001", 1)]),
    ];
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status(&shop, "a").await, (OrderStatus::Delivered, true));
    assert_eq!(status(&shop, "b").await, (Canceled, false));
    assert_eq!(status(&shop, "c").await, (Canceled, false));
    assert_eq!(shop.stock_of("001").await, 149);
}

#[tokio::test]
async fn a_batch_of_one_is_one_transaction() {
    let shop = TestShop::seeded().await;
    let events = store_singles(&shop, 1).await;
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 1}));
}

// Write units

/// The write units that it takes to apply these events, each alone or all in a batch.
async fn units_of(shop: &TestShop, events: &[Invocation]) -> u64 {
    let invocation = match events {
        [alone] => invocation::from_payload(alone.payload.clone()),
        batch => invocation::queue(batch),
    };
    shop.proxy.start_metering();
    shop.inventory_service().handle(invocation).await.unwrap();
    shop.proxy.consumed_units().writes.values().sum()
}

#[tokio::test]
async fn a_reservation_of_one_line_takes_four_write_units_alone_and_little_more_than_two_in_a_batch() {
    if !test_support::engine_counts_units() {
        return;
    }
    for (count, units) in [(1, 4), (2, 6), (10, 22), (99, 200)] {
        let shop = TestShop::seeded().await;
        let events = store_singles(&shop, count).await;
        assert_eq!(units_of(&shop, &events).await, units, "{count} orders");
        assert_eq!(statuses(&shop).await, [("Confirmed", count)].into());
    }
}

// Any batch

/// Something that a batch may hold: a kind of event, the number of its order,
/// pieces, and whether it claims a second product.
type Anything = (EventKind, usize, u32, bool);

fn anything(kinds: &'static [EventKind]) -> impl Strategy<Value = Vec<Anything>> {
    let one = (prop::sample::select(kinds), 0_usize..8, 1_u32..4, any::<bool>());
    prop::collection::vec(one, 1..16)
}

/// What matters about a shop in the end: each order, and what is on hand.
async fn ending(shop: &TestShop) -> (Vec<(String, OrderStatus, bool)>, u64, u64) {
    let orders = shop.orders().await.into_iter();
    let orders = orders.map(|order| (order.id.as_str().to_owned(), order.status, order.stock_reserved));
    (orders.collect(), shop.stock_of("001").await, shop.stock_of("002").await)
}

/// Applies the events one by one in one shop and in a batch in another, where
/// so many orders are stored, and compares how both end.
async fn compare(events: &[Anything], stock: u64, stored: usize) {
    let (one_by_one, batched) = (TestShop::seeded().await, TestShop::seeded().await);
    let mut invocations = Vec::new();
    for (kind, order, pieces, both) in events {
        let items: Items<'_> = if *both { &[("001", *pieces), ("002", 1)] } else { &[("001", *pieces)] };
        invocations.push(event(*kind, &format!("order-{order}"), items));
    }
    for shop in [&one_by_one, &batched] {
        shop.set_stock("001", stock).await;
        shop.set_stock("002", stock / 4).await;
        for n in 0..stored {
            // Some events claim just what the order holds, others do not.
            store(shop, &format!("order-{n}"), &[("001", 2)]).await;
        }
    }
    let mut failed = Vec::new();
    for (n, event) in invocations.iter().enumerate() {
        let alone = invocation::from_payload(event.payload.clone());
        if one_by_one.inventory_service().handle(alone).await.is_err() {
            failed.push(format!("m{n}"));
        }
    }
    assert_eq!(apply(&batched, &invocations).await, failed, "{events:?}");
    assert_eq!(ending(&batched).await, ending(&one_by_one).await, "{events:?}");
    for (product, initial) in [("001", stock), ("002", stock / 4)] {
        let all = batched.stock_of(product).await + batched.reserved_of(product).await;
        assert_eq!(all, initial, "{events:?}");
    }
}

fn run(comparison: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(comparison);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_batch_ends_as_its_events_do_one_by_one(
        events in anything(&[EventKind::Placed, EventKind::Placed, EventKind::Shipped, EventKind::Canceled]),
        stored in 0_usize..8,
    ) {
        run(compare(&events, 1000, stored));
    }

    #[test]
    fn of_scarce_stock_a_batch_gives_to_those_who_came_first(
        events in anything(&[EventKind::Placed]), stock in 0_u64..16, stored in 0_usize..8,
    ) {
        run(compare(&events, stock, stored));
    }
}
