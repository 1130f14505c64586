//! The invariants that hold after every run.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EventKind, Order, OrderStatus};
use dynamodb::StoredOrder;
use serde_json::Value;

use crate::delivery::{FailedDelivery, Message};
use crate::system::System;

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

mod catalog;
mod cut;
mod order_events;
mod stock;
mod stock_events;

use cut::Cut;
pub(crate) use order_events::OrderEventTotals;
use stock::StockTotals;
pub(crate) use stock_events::StockEventTotals;

/// The totals of a run that has passed all checks.
pub(crate) struct Totals {
    pub(crate) orders_by_status: BTreeMap<&'static str, usize>,
    pub(crate) prices: usize,
    pub(crate) stock: StockTotals,
    pub(crate) order_events: OrderEventTotals,
    pub(crate) stock_events: StockEventTotals,
    pub(crate) remaining_dead_letters: usize,
}

impl System {
    /// Asserts all invariants. `remaining` are the dead letters that redriving did not resolve.
    pub(crate) async fn check(&self, remaining: &[FailedDelivery]) -> Totals {
        self.repeat_adjustments().await;
        let cut = self.check_cut().await;
        cut.orders.iter().for_each(assert_is_final);
        let responses = self.check_clients(&cut);
        let mut orders_by_status = BTreeMap::new();
        for StoredOrder { order, .. } in &cut.orders {
            *orders_by_status.entry(order.status.as_str()).or_default() += 1;
        }
        for failed in remaining {
            assert_is_forbidden(failed, &cut.orders);
        }
        Totals {
            orders_by_status,
            prices: self.check_catalog(&responses).await,
            stock: self.check_ledger(&cut),
            order_events: self.check_order_events(&cut.orders, &responses).await,
            stock_events: self.check_stock_events(&cut).await,
            remaining_dead_letters: remaining.len(),
        }
    }

    /// Asserts that each client has one order, at the prices of the response, and that all responses to
    /// its key are equal. Returns the response for each order.
    fn check_clients(&self, cut: &Cut) -> BTreeMap<String, Value> {
        let created = self.created_responses.borrow();
        assert_eq!((created.len(), cut.orders.len()), (self.settings.orders, self.settings.orders));
        let mut responses = BTreeMap::new();
        for (n, bodies) in created.iter() {
            assert_eq!(bodies.len(), 1, "the responses to client {n} differ: {bodies:?}");
            let body: Value = serde_json::from_str(bodies.first().unwrap()).unwrap();
            responses.insert(body["orderId"].as_str().unwrap().to_owned(), body);
        }
        let ids = cut.orders.iter().map(|stored| stored.order.id.as_str());
        assert_eq!(responses.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids.collect());
        for StoredOrder { order, .. } in &cut.orders {
            assert_has_prices_of(order, &responses[order.id.as_str()]);
        }
        responses
    }
}

/// Asserts that an order has the lines, prices and total of the response to its placement.
fn assert_has_prices_of(order: &Order, response: &Value) {
    let line = |item: &Value| {
        (item["productId"].to_string(), item["quantity"].to_string(), item["unitPrice"].to_string())
    };
    let placed: Vec<_> = response["items"].as_array().unwrap().iter().map(line).collect();
    let stored = order.items.iter().map(|item| {
        let price: Value = serde_json::to_value(item.unit_price).unwrap();
        (format!("\"{}\"", item.line.product_id), item.line.quantity.get().to_string(), price.to_string())
    });
    assert_eq!(stored.collect::<Vec<_>>(), placed, "{order:?}");
    assert_eq!(serde_json::to_value(order.total_amount).unwrap(), response["totalAmount"], "{order:?}");
}

/// Asserts that the order of a dead letter can never make the event's change.
fn assert_is_forbidden(failed: &FailedDelivery, orders: &[StoredOrder]) {
    let Message::Order { kind, order: id } = &failed.delivery.message else {
        panic!("a receipt can always be applied: {failed:?}");
    };
    let order = &orders.iter().find(|stored| stored.order.id.as_str() == id).unwrap().order;
    let is_forbidden = match kind {
        EventKind::Canceled => matches!(order.status, Shipped | Delivered),
        _ => matches!(order.status, Canceled | Rejected),
    };
    assert!(is_forbidden, "{failed:?} of {order:?}");
}

/// Asserts that an order is no longer placed, with the reservation and the outbox of its status.
fn assert_is_final(stored: &StoredOrder) {
    let order = &stored.order;
    assert_ne!(order.status, Placed, "{order:?}");
    let is_sold = matches!(order.status, Confirmed | Shipped | Delivered);
    assert_eq!(order.stock_reserved, is_sold, "{order:?}");
    let outbox = match order.status {
        Confirmed => Some(EventKind::Confirmed),
        Rejected => Some(EventKind::Rejected),
        _ => None,
    };
    assert_eq!(stored.outbox.as_ref().map(|event| event.kind), outbox, "{order:?}");
}
