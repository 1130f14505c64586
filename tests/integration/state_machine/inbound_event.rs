//! Events on their way to InventoryServiceFunction.

use domain::EventKind;
use serde_json::Value;
use serde_json::value::RawValue;
use test_support::PublishedEvent;

use super::model::{ConsumedEvent, Quantities};
use crate::stock_conservation::{PRODUCTS, event};

/// The units that events of other producers have for their orders.
const EXTERNAL_QUANTITIES: Quantities = [2, 1];

/// An event that InventoryServiceFunction can receive.
#[derive(Debug, Clone)]
pub(super) struct InboundEvent {
    pub(super) event: ConsumedEvent,
    pub(super) envelope: Box<RawValue>,
}

impl InboundEvent {
    pub(super) fn published(event: &PublishedEvent) -> Self {
        let kind = event.detail_type().parse().unwrap();
        let detail = event.detail();
        let order = detail["orderId"].as_str().unwrap().to_owned();
        let consumed = ConsumedEvent { kind, order, quantities: quantities_of(&detail), from_outbox: true };
        Self { event: consumed, envelope: event.envelope() }
    }

    pub(super) fn external(kind: EventKind, order: &str) -> Self {
        let consumed = ConsumedEvent {
            kind,
            order: order.to_owned(),
            quantities: EXTERNAL_QUANTITIES,
            from_outbox: false,
        };
        Self { event: consumed, envelope: event(kind, order).payload }
    }
}

/// Returns the units of each product in the `items` of an event or an order.
pub(super) fn quantities_of(detail: &Value) -> Quantities {
    let items = detail["items"].as_array().map_or([].as_slice(), Vec::as_slice);
    PRODUCTS.map(|(product, _)| {
        let line = items.iter().find(|line| line["productId"] == product);
        line.map_or(0, |line| line["quantity"].as_u64().unwrap())
    })
}
