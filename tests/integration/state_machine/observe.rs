//! Observed orders, and the invariants of their final state.

use std::collections::{BTreeMap, HashSet};

use domain::{EventKind, FulfillmentShard, OrderStatus, StockAdjustment};
use dynamodb::Item;
use dynamodb::attribute::FULFILLMENT_SHARD;

use super::model::{Cause, OrderState};
use crate::stock_conservation::PRODUCTS;

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

/// Returns the state of a stored order. Asserts that it is on the list of orders to ship exactly
/// while it is confirmed.
pub(super) fn order_state(item: &Item) -> OrderState {
    let stored = dynamodb::decode_order(item).unwrap();
    let order = &stored.order;
    let shard = (order.status == Confirmed).then(|| dynamodb::text(FulfillmentShard::of(&order.id)));
    assert_eq!(item.get(FULFILLMENT_SHARD), shard.as_ref(), "{stored:?}");
    let needs_position = matches!(order.status, Confirmed | Shipped | Delivered);
    assert!(stored.fulfillment_position.is_some() || !needs_position, "{stored:?}");
    let quantities = PRODUCTS.map(|(product, _)| {
        let line = order.lines().find(|line| line.product_id.as_str() == product);
        line.map_or(0, |line| u64::from(line.quantity.get()))
    });
    let available = PRODUCTS.map(|(product, _)| {
        let shortage = order.shortages.iter().find(|shortage| shortage.product_id.as_str() == product);
        shortage.map(|shortage| shortage.available)
    });
    let outbox = stored.outbox.as_ref().map(|event| event.kind);
    let superseded = stored.superseded.iter().map(|earlier| earlier.event.kind).collect();
    let (status, reserved) = (order.status, order.stock_reserved);
    OrderState { status, quantities, reserved, outbox, superseded, available }
}

/// Returns the units on hand of a stock item.
pub(super) fn quantity_of(item: &Item) -> u64 {
    dynamodb::decode_stock(item).unwrap().quantity
}

/// Returns the entries of the ledger among the items of the Inventory table.
pub(super) fn ledger_entries(items: &BTreeMap<String, Item>) -> Vec<StockAdjustment> {
    let entries = items.iter().filter(|(key, _)| key.contains('#'));
    entries.map(|(_, item)| dynamodb::decode_adjustment(item).unwrap()).collect()
}

/// Returns the deltas of the entries that a key or a receipt caused. The opening stock has neither.
pub(super) fn adjustments_since_start(entries: &[StockAdjustment]) -> BTreeMap<(Cause, usize), i64> {
    let mut deltas = BTreeMap::new();
    for entry in entries {
        let product = PRODUCTS.iter().position(|(product, _)| *product == entry.product_id.as_str()).unwrap();
        let note = entry.note.as_ref().and_then(|note| note.as_str().strip_prefix("key-"));
        let receipt = entry.receipt_id.as_ref().and_then(|receipt| receipt.as_str().strip_prefix("r-"));
        let cause = match (note, receipt) {
            (Some(key), None) => Cause::Key(key.parse().unwrap()),
            (None, Some(receipt)) => Cause::Receipt(receipt.parse().unwrap()),
            _ => continue,
        };
        let earlier = deltas.insert((cause, product), entry.delta.get().into());
        assert_eq!(earlier, None, "{entry:?} is recorded twice");
    }
    deltas
}

/// Asserts that the final state of an order follows from its requested events, without the model.
///
/// `external_events` are the requested events that other producers have sent.
pub(super) fn assert_final_state(
    id: &str,
    order: &OrderState,
    requested: &HashSet<EventKind>,
    external_events: &HashSet<EventKind>,
) {
    let was_requested = |kind| requested.contains(&kind);
    let is_explained = match order.status {
        Placed => false,
        Confirmed => was_requested(EventKind::Placed) && !external_events.contains(&EventKind::Canceled),
        Rejected => was_requested(EventKind::Placed),
        Canceled => was_requested(EventKind::Canceled),
        Shipped => {
            was_requested(EventKind::Placed)
                && was_requested(EventKind::Shipped)
                && !external_events.contains(&EventKind::Delivered)
        }
        Delivered => {
            [EventKind::Placed, EventKind::Shipped, EventKind::Delivered].into_iter().all(was_requested)
        }
    };
    assert!(
        is_explained,
        "{id} is {order:?} after {requested:?}, of which {external_events:?} came from other producers"
    );
    let unshipped = order.status == Confirmed && external_events.contains(&EventKind::Shipped);
    assert!(!unshipped, "{id} is {order:?} after OrderShipped");
    assert_eq!(order.reserved, matches!(order.status, Confirmed | Shipped | Delivered), "{id} is {order:?}");
    let outbox = match order.status {
        Confirmed => Some(EventKind::Confirmed),
        Rejected => Some(EventKind::Rejected),
        _ => None,
    };
    assert_eq!(order.outbox, outbox, "{id} is {order:?}");
    // No function of this system applies an OrderConfirmed.
    assert!(order.superseded.iter().all(|kind| *kind == EventKind::Confirmed), "{id} is {order:?}");
}
