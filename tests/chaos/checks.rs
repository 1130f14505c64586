//! The invariants that hold after every run.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EventKind, Order, OrderStatus};
use dynamodb::StoredOrder;
use serde_json::Value;
use test_support::PublishedEvent;

use crate::delivery::{Delivery, FailedDelivery};
use crate::settings::PRODUCTS;
use crate::system::{System, product_id};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

/// The totals of a run that has passed all checks.
pub(crate) struct Totals {
    pub(crate) orders_by_status: BTreeMap<&'static str, usize>,
    pub(crate) outbox_events: usize,
    pub(crate) published_events: usize,
    pub(crate) sold: u64,
    pub(crate) on_hand: u64,
    pub(crate) remaining_dead_letters: usize,
}

impl System {
    /// Asserts all invariants. `remaining` are the dead letters that redriving did not resolve.
    pub(crate) async fn check(&self, remaining: &[FailedDelivery]) -> Totals {
        let stored_orders = self.shop.stored_orders().await;
        stored_orders.iter().for_each(assert_is_final);
        let orders: Vec<_> = stored_orders.into_iter().map(|stored| stored.order).collect();
        let mut orders_by_status = BTreeMap::new();
        let mut sold: BTreeMap<String, u64> = BTreeMap::new();
        for order in &orders {
            *orders_by_status.entry(order.status.as_str()).or_default() += 1;
            for line in order.lines().filter(|_| order.stock_reserved) {
                *sold.entry(line.product_id.to_string()).or_default() += u64::from(line.quantity.get());
            }
        }
        let on_hand = self.check_stock(&sold).await;
        self.shop.assert_ledger_invariant().await;
        self.check_clients(&orders);
        for failed in remaining {
            assert_is_forbidden(failed, &orders);
        }
        let (outbox_events, published_events) = self.check_events(&orders).await;
        Totals {
            orders_by_status,
            outbox_events,
            published_events,
            sold: sold.values().sum(),
            on_hand,
            remaining_dead_letters: remaining.len(),
        }
    }

    /// Asserts that stock is conserved, and returns the units on hand.
    async fn check_stock(&self, sold: &BTreeMap<String, u64>) -> u64 {
        let mut on_hand = 0;
        for product in (0..PRODUCTS).map(product_id) {
            let quantity = self.shop.stock_of(&product).await;
            let sold = sold.get(&product).copied().unwrap_or_default();
            assert_eq!(quantity + sold, self.settings.initial_stock(), "stock of {product} is not conserved");
            on_hand += quantity;
        }
        on_hand
    }

    /// Asserts that each client has one order, and that all responses to its key are equal.
    fn check_clients(&self, orders: &[Order]) {
        let created = self.created_responses.borrow();
        assert_eq!((created.len(), orders.len()), (self.settings.orders, self.settings.orders));
        let mut ids = BTreeSet::new();
        for (n, bodies) in created.iter() {
            assert_eq!(bodies.len(), 1, "the responses to client {n} differ: {bodies:?}");
            let body: Value = serde_json::from_str(bodies.first().unwrap()).unwrap();
            ids.insert(body["orderId"].as_str().unwrap().to_owned());
        }
        assert_eq!(ids, orders.iter().map(|order| order.id.to_string()).collect());
    }

    /// Asserts that exactly the events of all outboxes were published. Returns their number, and the
    /// number of publications, duplicates included.
    async fn check_events(&self, orders: &[Order]) -> (usize, usize) {
        let records = self.shop.order_stream().await.read().await;
        let event_id = |record: &Value| {
            record["dynamodb"]["NewImage"]["Event"]["M"]["Id"]["S"].as_str().map(str::to_owned)
        };
        let outbox_events: BTreeSet<String> = records.iter().filter_map(event_id).collect();
        let published = self.shop.bus.published();
        let id = |event: &PublishedEvent| event.detail()["metadata"]["eventId"].as_str().unwrap().to_owned();
        assert_eq!(published.iter().map(id).collect::<BTreeSet<_>>(), outbox_events);

        let mut kinds: BTreeMap<String, Vec<EventKind>> = BTreeMap::new();
        for event in published.iter().map(Delivery::published) {
            kinds.entry(event.order).or_default().push(event.kind);
        }
        for order in orders {
            assert_events_match(order, &kinds[order.id.as_str()]);
        }
        (outbox_events.len(), published.len())
    }
}

/// Asserts that the order of a dead letter can never make the event's change.
fn assert_is_forbidden(failed: &FailedDelivery, orders: &[Order]) {
    let order = orders.iter().find(|order| order.id.as_str() == failed.delivery.order).unwrap();
    let is_forbidden = match failed.delivery.kind {
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

/// Asserts that the published events of an order match its status.
fn assert_events_match(order: &Order, kinds: &[EventKind]) {
    let has = |kind| kinds.contains(&kind);
    assert!(has(EventKind::Placed), "{order:?}");
    assert_eq!(has(EventKind::Rejected), order.status == Rejected, "{order:?}");
    let is_sold = matches!(order.status, Confirmed | Shipped | Delivered);
    assert!(has(EventKind::Confirmed) || !is_sold, "{order:?}");
    assert!(!has(EventKind::Confirmed) || is_sold || order.status == Canceled, "{order:?}");
    assert!(!has(EventKind::Canceled) || order.status == Canceled, "{order:?}");
    assert!(!has(EventKind::Shipped) || matches!(order.status, Shipped | Delivered), "{order:?}");
    assert!(!has(EventKind::Delivered) || order.status == Delivered, "{order:?}");
}
