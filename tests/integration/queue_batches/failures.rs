//! Events of a batch that fail. Only their messages are returned to the queue or dead-lettered.

use domain::{EventKind, Order, OrderStatus};
use serde_json::json;
use test_support::{AwsError, TestShop, batch_item_failures, invocation};

use super::{
    CONFLICT, apply, apply_within_seconds, calls, dead_letter_types, event, placed, status, status_counts,
    store, store_orders_of_one_unit,
};

use OrderStatus::{Canceled, Confirmed};

#[tokio::test]
async fn counts_the_effects_of_each_event() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 2).await;
    let mut events = store_orders_of_one_unit(&shop, 3).await;
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
async fn returns_only_the_messages_that_failed() {
    let shop = TestShop::seeded().await;
    store(&shop, "a", &[("001", 1)]).await;
    let done = store(&shop, "done", &[("001", 1)]).await;
    shop.put_order(&Order { status: Canceled, ..done }).await;
    let bodies = [
        placed("a", &[("001", 1)]).payload.get().to_owned(),
        "not an event".to_owned(),
        r#"{"source":"ecommerce.order","detail-type":"OrderPlaced","detail":{}}"#.to_owned(),
        placed("a", &[("001", 1)]).payload.get().replace("ecommerce.order", "another.source"),
        event(EventKind::Shipped, "unknown", &[]).payload.get().to_owned(),
        event(EventKind::Shipped, "done", &[]).payload.get().to_owned(),
        placed("new", &[("002", 1)]).payload.get().to_owned(),
    ];
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    let response = shop.inventory_service().handle(invocation::queue_messages(&bodies)).await.unwrap();
    assert_eq!(batch_item_failures(&response), ["m4"], "the order may be stored later");
    let mut types = dead_letter_types(&shop);
    types.sort_unstable();
    assert_eq!(types, ["IllegalTransition", "MalformedEvent", "MalformedEvent", "MalformedEvent"]);
    for id in ["a", "new"] {
        assert_eq!(status(&shop, id).await, (Confirmed, true), "{id}");
    }
}

#[tokio::test]
async fn fails_only_the_event_of_an_undecodable_order() {
    let shop = TestShop::seeded().await;
    let mut events = store_orders_of_one_unit(&shop, 3).await;
    let mut item = shop.order_item("order-001").await.unwrap();
    item.insert("OrderStatus".to_owned(), dynamodb::text("Unknown"));
    shop.put(&shop.tables.orders, item).await;
    events.push(placed("new", &[("001", 1)]));
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(dead_letter_types(&shop), ["Internal"]);
    for id in ["order-000", "order-002", "new"] {
        assert_eq!(status(&shop, id).await, (Confirmed, true), "{id}");
    }
    assert_eq!(shop.stock_of("001").await, 147);
}

#[tokio::test]
async fn fails_only_the_orders_of_an_undecodable_stock_item() {
    let shop = TestShop::seeded().await;
    let mut item = dynamodb::key("ProductId", dynamodb::text("bad"));
    item.insert("Quantity".to_owned(), dynamodb::text("many"));
    shop.put(&shop.tables.inventory, item).await;
    store(&shop, "bad", &[("bad", 1), ("001", 1)]).await;
    let mut events = store_orders_of_one_unit(&shop, 2).await;
    events.push(placed("bad", &[("bad", 1), ("001", 1)]));
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(dead_letter_types(&shop), ["Internal"]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 2), ("Placed", 1)].into());
    assert_eq!(shop.stock_of("001").await, 148);
}

#[tokio::test]
async fn returns_unfinished_messages_when_the_time_runs_out() {
    let shop = TestShop::seeded().await;
    let mut events = store_orders_of_one_unit(&shop, 2).await;
    let products: Vec<_> = (0..98).map(|n| format!("p{n:03}")).collect();
    for product in &products {
        shop.set_stock(product, 1).await;
    }
    let first: Vec<_> = products[..49].iter().map(|product| (product.as_str(), 1)).collect();
    let second: Vec<_> = products[49..].iter().map(|product| (product.as_str(), 1)).collect();
    for (id, items) in [("large-1", &first), ("large-2", &second)] {
        store(&shop, id, items).await;
        events.push(placed(id, items));
    }
    events.push(event(EventKind::Canceled, "order-001", &[("001", 1)]));
    // The first transaction succeeds, and the second gets no response.
    let _never_opened = shop.proxy.on("TransactWriteItems").nth(2).always().hold_request();
    let failed = apply_within_seconds(&shop, &events).await;
    let confirmed = status_counts(&shop).await["Confirmed"];
    assert_eq!(failed.len(), events.len() - confirmed, "{failed:?}");
    assert!(failed.contains(&"m4".to_owned()) && (1..4).contains(&confirmed), "{failed:?}");
    assert_eq!(shop.metrics.failures(inventory_service::BUSY), failed.len() as u64);
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 2}), "no call starts after the deadline");

    shop.proxy.reset();
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Canceled", 1), ("Confirmed", 3)].into());
    assert_eq!(shop.stock_of("001").await, 149);
}

#[tokio::test]
async fn returns_the_message_of_a_rejection_that_runs_out_of_time() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    let events = store_orders_of_one_unit(&shop, 2).await;
    let _never_opened = shop.proxy.on("UpdateItem").always().hold_request();
    assert_eq!(apply_within_seconds(&shop, &events).await, ["m0", "m1"]);
    assert_eq!(shop.proxy.calls("UpdateItem"), 2, "no call is retried");
    assert_eq!(status_counts(&shop).await, [("Placed", 2)].into());
}

#[tokio::test]
async fn reserves_once_after_a_crash_at_any_call() {
    // Some calls succeed and all later ones are lost, as for a function that is killed. Then the
    // whole batch is delivered again.
    for successful_calls in 0..4 {
        for operation in ["TransactWriteItems", "UpdateItem"] {
            for takes_effect in [false, true] {
                let shop = TestShop::seeded().await;
                shop.set_stock("001", 2).await;
                let events = store_orders_of_one_unit(&shop, 4).await;
                let rule = shop.proxy.on(operation).nth(successful_calls + 1).always();
                if takes_effect {
                    rule.drop_response()
                } else {
                    rule.drop_request()
                }
                apply(&shop, &events).await;
                shop.proxy.reset();
                assert_eq!(apply(&shop, &events).await, [""; 0]);
                let case = format!("{operation} {successful_calls} {takes_effect}");
                assert_eq!(status_counts(&shop).await, [("Confirmed", 2), ("Rejected", 2)].into(), "{case}");
                assert_eq!(shop.stock_of("001").await, 0, "{case}");
            }
        }
    }
}
