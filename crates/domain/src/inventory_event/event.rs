//! An inventory event and its JSON.

use serde::Serialize;
use uuid::Uuid;

use super::kind::InventoryEventKind;
use crate::event::{EventMetadata, SCHEMA_VERSION};
use crate::ids::{EventId, ProductId};
use crate::stock::StockLevel;
use crate::timestamp::Timestamp;

/// Namespace of the version 5 UUIDs (RFC 9562) that identify the events of a product.
const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0x25ee_d392_b4db_484c_bd64_4867_c134_8d2b);

/// An event about the stock of a product: the `detail` of a message on the bus. Fields
/// are serialized in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InventoryEvent {
    /// Kind of event.
    #[serde(rename = "detailType")]
    pub kind: InventoryEventKind,
    /// The product.
    pub product_id: ProductId,
    /// Units on hand after the change.
    pub quantity: u64,
    /// Units on hand before the changes that an [`InventoryEventKind::Updated`] covers,
    /// if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_quantity: Option<u64>,
    /// The reorder point that an [`InventoryEventKind::Low`] reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder_point: Option<u64>,
    /// Revision of the stock item. A higher revision is a later state.
    pub revision: u64,
    /// Metadata.
    pub metadata: EventMetadata,
}

impl InventoryEvent {
    /// Creates the event that the quantity of a product changed, or was read, at `time`.
    pub(super) fn updated(level: &StockLevel, previous_quantity: Option<u64>, time: Timestamp) -> Self {
        Self { previous_quantity, ..Self::new(InventoryEventKind::Updated, level, time) }
    }

    /// Creates the event that stock is low.
    pub(super) fn low(level: &StockLevel, time: Timestamp) -> Self {
        Self { reorder_point: level.reorder_point, ..Self::new(InventoryEventKind::Low, level, time) }
    }

    pub(super) fn depleted(level: &StockLevel, time: Timestamp) -> Self {
        Self::new(InventoryEventKind::Depleted, level, time)
    }

    pub(super) fn back_in_stock(level: &StockLevel, time: Timestamp) -> Self {
        Self::new(InventoryEventKind::BackInStock, level, time)
    }

    /// Returns the events that report the stock of a product as it was read at `time`, for
    /// a consumer that may have missed earlier events: the level that holds, and the
    /// quantity.
    #[must_use]
    pub fn of_level(level: &StockLevel, time: Timestamp) -> Vec<Self> {
        let low = level.is_low().then(|| Self::low(level, time));
        let depleted = (level.quantity == 0).then(|| Self::depleted(level, time));
        let updated = Self::updated(level, None, time);
        low.into_iter().chain(depleted).chain([updated]).collect()
    }

    fn new(kind: InventoryEventKind, level: &StockLevel, time: Timestamp) -> Self {
        Self {
            kind,
            product_id: level.product_id.clone(),
            quantity: level.quantity,
            previous_quantity: None,
            reorder_point: None,
            revision: level.revision,
            metadata: EventMetadata {
                event_id: event_id(&level.product_id, level.revision, kind),
                occurred_at: time,
                schema_version: SCHEMA_VERSION,
                correlation_id: (&level.product_id).into(),
                // An event can cover the changes of many requests.
                traceparent: None,
                sequence: None,
            },
        }
    }

    /// Serializes the `detail`.
    ///
    /// # Errors
    /// None in practice; serde's signature requires one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// Derives the id of a product's event of one kind at a revision, so that every
/// publication of the event has the same id. A product id cannot contain `/`.
fn event_id(product: &ProductId, revision: u64, kind: InventoryEventKind) -> EventId {
    let name = format!("{product}/{revision}/{kind}");
    Uuid::new_v5(&EVENT_NAMESPACE, name.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(quantity: u64) -> StockLevel {
        StockLevel { product_id: "001".parse().unwrap(), quantity, revision: 7, reorder_point: Some(10) }
    }

    fn time() -> Timestamp {
        "2025-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn writes_the_fields_of_each_kind() {
        let events = [
            InventoryEvent::updated(&level(3), Some(12), time()),
            InventoryEvent::updated(&level(3), None, time()),
            InventoryEvent::low(&level(3), time()),
            InventoryEvent::depleted(&level(0), time()),
            InventoryEvent::back_in_stock(&level(3), time()),
        ];
        let metadata = |id: &EventId| {
            format!(
                r#""metadata":{{"eventId":"{id}","occurredAt":"2025-01-01T00:00:00.000Z","schemaVersion":1,"correlationId":"001"}}}}"#
            )
        };
        let details = [
            r#"{"detailType":"InventoryUpdated","productId":"001","quantity":3,"previousQuantity":12,"revision":7,"#,
            r#"{"detailType":"InventoryUpdated","productId":"001","quantity":3,"revision":7,"#,
            r#"{"detailType":"StockLow","productId":"001","quantity":3,"reorderPoint":10,"revision":7,"#,
            r#"{"detailType":"StockDepleted","productId":"001","quantity":0,"revision":7,"#,
            r#"{"detailType":"BackInStock","productId":"001","quantity":3,"revision":7,"#,
        ];
        for (event, detail) in events.iter().zip(details) {
            assert_eq!(event.to_json().unwrap(), format!("{detail}{}", metadata(&event.metadata.event_id)));
        }
    }

    #[test]
    fn the_id_depends_on_product_revision_and_kind() {
        let id = |product: &str, revision, kind| event_id(&product.parse().unwrap(), revision, kind);
        let known = id("001", 1, InventoryEventKind::Updated);
        assert_eq!(known, id("001", 1, InventoryEventKind::Updated));
        assert_ne!(known, id("002", 1, InventoryEventKind::Updated));
        assert_ne!(known, id("001", 2, InventoryEventKind::Updated));
        assert_ne!(known, id("001", 1, InventoryEventKind::Low));
    }

    #[test]
    fn reports_the_level_that_holds_before_the_quantity() {
        let kinds = |quantity| {
            let events = InventoryEvent::of_level(&level(quantity), time());
            events.iter().map(|event| event.kind).collect::<Vec<_>>()
        };
        use InventoryEventKind::{Depleted, Low, Updated};
        assert_eq!(kinds(11), [Updated]);
        assert_eq!(kinds(10), [Low, Updated]);
        assert_eq!(kinds(0), [Low, Depleted, Updated]);
    }
}
