//! Reservation of stock for a whole batch.

use std::collections::BTreeMap;

use domain::{EventKind, Order, OrderStatus};
use dynamodb::StoredOrder;
use serde_json::json;
use test_support::{Invocation, TestShop, batch_item_failures, concurrently, invocation};

use super::{Items, apply, calls, event, placed, status, status_counts, store, store_orders_of_one_unit};

use OrderStatus::{Canceled, Confirmed, Delivered, Rejected, Shipped};

#[tokio::test]
async fn confirms_99_orders_of_one_product_in_one_transaction() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 99).await;
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 99)].into());
    assert_eq!(shop.stock_of("001").await, 51);
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 1}));
}

#[tokio::test]
async fn confirms_a_batch_of_one_order_in_one_transaction() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 1).await;
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 1}));
}

#[tokio::test]
async fn splits_a_batch_that_exceeds_one_transaction() {
    let shop = TestShop::seeded().await;
    let mut events = Vec::new();
    for n in 0..120 {
        let id = format!("order-{n:03}");
        let product = ["001", "002"][n % 2];
        store(&shop, &id, &[(product, 1)]).await;
        events.push(placed(&id, &[(product, 1)]));
    }
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 120)].into());
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (90, 140));
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 2}));
}

#[tokio::test]
async fn keeps_transactions_of_large_orders_within_the_limit() {
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
    assert_eq!(status_counts(&shop).await, [("Confirmed", 3)].into());
    assert!(
        shop.proxy.requests("TransactWriteItems").iter().all(|request| request["TransactItems"]
            .as_array()
            .unwrap()
            .len()
            <= 100)
    );
}

#[tokio::test]
async fn confirms_orders_until_stock_runs_out_and_rejects_the_rest() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 10).await;
    let events = store_orders_of_one_unit(&shop, 30).await;
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 10), ("Rejected", 20)].into());
    assert_eq!(shop.stock_of("001").await, 0);
    // Orders get stock in the order of the batch. A rejected order has its shortages and an event.
    assert_eq!(status(&shop, "order-009").await, (Confirmed, true));
    let StoredOrder { order: rejected, outbox, .. } = shop.stored_order("order-010").await.unwrap();
    let shortages = r#"[{"productId":"001","requested":1,"available":0}]"#;
    assert_eq!(serde_json::to_string(&rejected.shortages).unwrap(), shortages);
    assert_eq!(outbox.unwrap().kind, EventKind::Rejected);
    // The first transaction finds the shortage, the second confirms ten orders, and the third finds
    // that no stock remains.
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 3, "UpdateItem": 20}));
}

#[tokio::test]
async fn does_not_reserve_stock_for_an_order_that_is_short() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 4).await;
    shop.set_stock("002", 4).await;
    let orders: [(&str, Items<'_>); 4] = [
        ("a", &[("001", 3)]),
        ("too-large", &[("001", 5), ("002", 1)]),
        ("too-large-after-a", &[("001", 2), ("002", 1)]),
        ("b", &[("001", 1), ("002", 4)]),
    ];
    let mut events = Vec::new();
    for (id, items) in orders {
        store(&shop, id, items).await;
        events.push(placed(id, items));
    }
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    for (id, expected) in
        [("a", Confirmed), ("too-large", Rejected), ("too-large-after-a", Rejected), ("b", Confirmed)]
    {
        assert_eq!(status(&shop, id).await.0, expected, "{id}");
    }
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (0, 0));
    let shortages = shop.order("too-large").await.unwrap().shortages;
    assert_eq!(
        serde_json::to_string(&shortages).unwrap(),
        r#"[{"productId":"001","requested":5,"available":4}]"#
    );
}

#[tokio::test]
async fn reserves_once_for_duplicates_in_one_batch_or_two() {
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
async fn does_not_count_duplicates_against_the_available_stock() {
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
async fn reserves_once_for_concurrent_deliveries_of_the_same_batch() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 20).await;
    let service = shop.inventory_service();
    for response in concurrently((0..8).map(|_| service.handle(invocation::queue(&events)))).await {
        assert_eq!(batch_item_failures(&response.unwrap()), [""; 0]);
    }
    assert_eq!(status_counts(&shop).await, [("Confirmed", 20)].into());
    assert_eq!(shop.stock_of("001").await, 130);
}

#[tokio::test]
async fn does_not_oversell_in_concurrent_batches() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 25).await;
    let events = store_orders_of_one_unit(&shop, 100).await;
    let service = shop.inventory_service();
    for response in
        concurrently(events.chunks(10).map(|batch| service.handle(invocation::queue(batch)))).await
    {
        assert_eq!(batch_item_failures(&response.unwrap()), [""; 0]);
    }
    assert_eq!(status_counts(&shop).await, [("Confirmed", 25), ("Rejected", 75)].into());
    assert_eq!(shop.stock_of("001").await, 0);
}

#[tokio::test]
async fn creates_orders_of_other_producers_with_their_reservation() {
    let shop = TestShop::seeded().await;
    store(&shop, "own", &[("001", 1)]).await;
    let events = [
        placed("new-1", &[("001", 2)]),
        placed("own", &[("001", 1)]),
        placed("new-2", &[("001", 3), ("002", 1)]),
        placed("new-3", &[("002", 1000)]),
    ];
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    for (id, expected) in
        [("new-1", Confirmed), ("own", Confirmed), ("new-2", Confirmed), ("new-3", Rejected)]
    {
        assert_eq!(status(&shop, id).await, (expected, expected == Confirmed), "{id}");
    }
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (144, 199));
    assert_eq!(shop.order("new-2").await.unwrap().total_amount.unwrap().to_string(), "1.00");
}

#[tokio::test]
async fn reserves_the_lines_of_the_stored_order() {
    let shop = TestShop::seeded().await;
    store(&shop, "a", &[("001", 1)]).await;
    store(&shop, "b", &[("001", 2), ("002", 2)]).await;
    // The event of `a` claims more than is in stock, and the event of `b` less than the order has.
    let events = [placed("a", &[("001", 1000)]), placed("b", &[("001", 1)]), placed("001", &[("002", 1)])];
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    for id in ["a", "b", "001"] {
        assert_eq!(status(&shop, id).await, (Confirmed, true), "{id}");
    }
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 2}));
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (146, 197));
}

#[tokio::test]
async fn skips_orders_that_are_no_longer_placed() {
    let shop = TestShop::seeded().await;
    let mut events = Vec::new();
    for status in [Canceled, Shipped, Rejected] {
        let order = store(&shop, status.as_str(), &[("001", 1)]).await;
        shop.put_order(&Order { status, ..order }).await;
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
async fn does_not_reserve_for_an_order_that_is_canceled_meanwhile() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 3).await;
    let gate = shop.proxy.on("TransactWriteItems").hold_request();
    let cancel = async {
        gate.reached().await;
        let order = shop.order("order-001").await.unwrap();
        shop.put_order(&Order { status: Canceled, ..order }).await;
        gate.open();
    };
    assert_eq!(tokio::join!(apply(&shop, &events), cancel).0, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Canceled", 1), ("Confirmed", 2)].into());
    assert_eq!(shop.stock_of("001").await, 148);
}

#[tokio::test]
async fn does_not_reject_an_order_that_is_canceled_meanwhile() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    let events = store_orders_of_one_unit(&shop, 1).await;
    let gate = shop.proxy.on("UpdateItem").hold_request();
    let cancel = async {
        gate.reached().await;
        let order = shop.order("order-000").await.unwrap();
        shop.put_order(&Order { status: Canceled, ..order }).await;
        gate.open();
    };
    assert_eq!(tokio::join!(apply(&shop, &events), cancel).0, [""; 0]);
    let StoredOrder { order, outbox, .. } = shop.stored_order("order-000").await.unwrap();
    assert_eq!((order.status, outbox), (Canceled, None));
    assert_eq!((shop.metrics.order_counts(), shop.metrics.sum("EventsStale")), (BTreeMap::new(), 1));
}

#[tokio::test]
async fn applies_the_events_of_one_order_in_the_order_of_the_batch() {
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
    assert_eq!(status(&shop, "a").await, (Delivered, true));
    assert_eq!(status(&shop, "b").await, (Canceled, false));
    assert_eq!(status(&shop, "c").await, (Canceled, false));
    assert_eq!(shop.stock_of("001").await, 149);
}

/// Returns the write units for an event delivered alone, or for several in a batch.
async fn write_units_of(shop: &TestShop, events: &[Invocation]) -> u64 {
    let invocation = match events {
        [alone] => invocation::from_payload(alone.payload.clone()),
        batch => invocation::queue(batch),
    };
    shop.proxy.start_metering();
    shop.inventory_service().handle(invocation).await.unwrap();
    shop.proxy.consumed_units().writes.values().sum()
}

#[tokio::test]
async fn reserves_one_line_with_five_write_units_alone_and_about_three_in_a_batch() {
    if !test_support::engine_counts_units() {
        return;
    }
    // Two for each order and each product, and one for each entry in the index of orders to ship.
    for (count, units) in [(1, 5), (2, 8), (10, 32), (99, 299)] {
        let shop = TestShop::seeded().await;
        let events = store_orders_of_one_unit(&shop, count).await;
        assert_eq!(write_units_of(&shop, &events).await, units, "{count} orders");
        assert_eq!(status_counts(&shop).await, [("Confirmed", count)].into());
    }
}
