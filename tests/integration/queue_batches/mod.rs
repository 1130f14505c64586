//! Batches of events from the queue: each event has the same effect as if it were delivered alone.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{EventKind, Order, OrderStatus, Quantity};
use serde_json::json;
use test_support::{Invocation, TestShop, batch_item_failures, invocation};

mod equivalence;
mod failures;
mod reservation;
mod retries;

const CONFLICT: &str = "TransactionConflict";

/// Products and quantities of an order.
type Items<'a> = &'a [(&'a str, u32)];

/// Stores a placed order with these items.
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

/// Stores orders of one unit of product 001, and returns their OrderPlaced events.
async fn store_orders_of_one_unit(shop: &TestShop, count: usize) -> Vec<Invocation> {
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

/// Delivers a batch, and returns the ids of the failed messages.
async fn apply(shop: &TestShop, events: &[Invocation]) -> Vec<String> {
    deliver(shop, invocation::queue(events)).await
}

/// Delivers a batch with 2.5 seconds for its transactions, and returns the ids of the failed messages.
/// The function reserves five seconds for the failed messages and the response. A busy engine needs more than
/// a second for a transaction of 100 items, and the SDK repeats a call after three.
async fn apply_within_seconds(shop: &TestShop, events: &[Invocation]) -> Vec<String> {
    let batch = invocation::with_remaining_time(invocation::queue(events), Duration::from_millis(7500));
    deliver(shop, batch).await
}

async fn deliver(shop: &TestShop, batch: Invocation) -> Vec<String> {
    batch_item_failures(&shop.inventory_service().handle(batch).await.unwrap())
}

/// Returns the error types of the dead letters.
fn dead_letter_types(shop: &TestShop) -> Vec<String> {
    let letters = shop.queues.dead_letters();
    letters.iter().map(|letter| letter["responsePayload"]["errorType"].as_str().unwrap().to_owned()).collect()
}

/// Returns the status of an order, and true if stock is reserved for it.
async fn status(shop: &TestShop, id: &str) -> (OrderStatus, bool) {
    let order = shop.order(id).await.unwrap();
    (order.status, order.stock_reserved)
}

/// Returns the number of orders by status, without the order of the seed data.
async fn status_counts(shop: &TestShop) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for order in shop.orders().await.iter().filter(|order| order.id.as_str() != "001") {
        assert_eq!(order.stock_reserved, order.status == OrderStatus::Confirmed, "{order:?}");
        *counts.entry(order.status.as_str()).or_default() += 1;
    }
    counts
}

/// Returns the number of DynamoDB calls by operation.
fn calls(shop: &TestShop) -> serde_json::Value {
    json!(shop.proxy.calls_by_operation())
}
