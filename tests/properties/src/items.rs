//! Items of the tables, and changes of them.

use std::collections::BTreeSet;

use domain::inventory_event::{InventoryEventKind, coalesce};
use domain::{InventoryEvent, StockChange, StockLevel, Timestamp};
use dynamodb::{Item, StoredOrder};
use serde_json::Value;

use crate::events::assert_event_round_trips;

/// Reads an item of the Orders table in DynamoDB's JSON. A valid order round-trips, and its event too.
pub fn order_item(data: &[u8]) -> bool {
    serde_json::from_slice::<serde_dynamo::Item>(data).is_ok_and(|item| check_order_item(&item.into()))
}

pub(crate) fn check_order_item(item: &Item) -> bool {
    let Ok(order) = dynamodb::decode_order(item) else { return false };
    assert_eq!(dynamodb::decode_order(&dynamodb::encode_order(&order)).as_ref(), Ok(&order));
    assert_event_of_outbox(&order);
    true
}

fn assert_event_of_outbox(stored: &StoredOrder) {
    let Some(outbox) = &stored.outbox else { return };
    if let Some(event) = outbox.to_event(&stored.order) {
        assert_eq!(event.kind(), outbox.kind);
        assert_event_round_trips(&event);
    }
}

/// Reads an item of the Inventory table in DynamoDB's JSON: a stock item or an entry of the ledger.
pub fn inventory_item(data: &[u8]) -> bool {
    serde_json::from_slice::<serde_dynamo::Item>(data).is_ok_and(|item| check_inventory_item(&item.into()))
}

/// Checks an item. No item is of both kinds.
pub(crate) fn check_inventory_item(item: &Item) -> bool {
    let is_of_kinds = [check_stock_item(item), check_ledger_item(item)];
    assert_ne!(is_of_kinds, [true, true], "an item is a stock item and an entry of the ledger");
    is_of_kinds.contains(&true)
}

/// The events of a valid stock item report its stock.
fn check_stock_item(item: &Item) -> bool {
    let Ok(level) = dynamodb::decode_stock(item) else { return false };
    let events = InventoryEvent::of_level(&level, Timestamp::MAX);
    assert_report_level(&events, &level);
    assert_eq!(events.last().map(|event| event.kind), Some(InventoryEventKind::Updated));
    true
}

/// A valid entry of the ledger round-trips.
fn check_ledger_item(item: &Item) -> bool {
    let Ok(entry) = dynamodb::decode_adjustment(item) else { return false };
    assert_eq!(dynamodb::decode_adjustment(&dynamodb::encode_adjustment(&entry)).as_ref(), Ok(&entry));
    assert!(entry.repeats(&entry));
    true
}

/// Checks the images of a change of the Inventory table. The change causes the same events alone and
/// together with the change that undoes it.
pub(crate) fn check_stock_change(old: &Item, new: &Item) {
    let (Ok(before), Ok(after)) = (dynamodb::decode_stock(old), dynamodb::decode_stock(new)) else { return };
    if before.product_id != after.product_id {
        return;
    }
    let change = StockChange { before: Some(before.clone()), after: after.clone(), time: Timestamp::MAX };
    assert_report_level(&change.threshold_events(), &after);
    let update = coalesce(std::slice::from_ref(&change));
    assert_eq!(update.is_some(), before.quantity != after.quantity);
    assert_report_level(update.as_slice(), &after);

    let undone = StockChange { before: Some(after), after: before.clone(), time: Timestamp::MAX };
    let both = coalesce(&[change, undone]);
    assert_eq!(both.is_some(), update.is_some());
    assert_report_level(both.as_slice(), &before);
}

/// Asserts that events report this level, each kind once and under its own id.
fn assert_report_level(events: &[InventoryEvent], level: &StockLevel) {
    let mut ids = BTreeSet::new();
    for event in events {
        let detail: Value = serde_json::from_str(&event.to_json().expect("JSON")).expect("JSON");
        assert_eq!(detail["productId"], level.product_id.as_str());
        assert_eq!(
            (&detail["quantity"], &detail["revision"]),
            (&level.quantity.into(), &level.revision.into())
        );
        assert!(ids.insert(detail["metadata"]["eventId"].to_string()), "two events have one id");
    }
}
