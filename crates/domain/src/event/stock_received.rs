//! The event of a warehouse that has received goods.

use serde::{Deserialize, Serialize};

use super::order_event::{EventError, EventMetadata};
use super::wire::check_version;
use crate::ids::{AdjustmentId, ProductId, ReceiptId};
use crate::redact;
use crate::stock::ReceivedQuantity;
use crate::stock_adjustment::{AdjustmentReason, StockAdjustment};
use crate::timestamp::Timestamp;

/// The `source` of the events that a warehouse sends.
pub const WAREHOUSE_SOURCE: &str = "ecommerce.warehouse";

/// Goods that a warehouse has received: the `detail` of a message on the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StockReceived {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail_type: Option<DetailType>,
    /// Receipt. Together with the product, it identifies the addition to the stock.
    pub receipt_id: ReceiptId,
    /// Product that arrived.
    pub product_id: ProductId,
    /// Units that arrived.
    pub quantity: ReceivedQuantity,
    /// Reason for the ledger.
    pub reason: AdjustmentReason,
    /// Metadata, if the producer added any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<EventMetadata>,
}

/// The optional field that repeats the detail-type of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
struct DetailType;

impl TryFrom<String> for DetailType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            StockReceived::DETAIL_TYPE => Ok(Self),
            _ => Err(format!(
                "detailType must be {}, not {}",
                StockReceived::DETAIL_TYPE,
                redact::quote(&text)
            )),
        }
    }
}

impl From<DetailType> for &'static str {
    fn from(_: DetailType) -> Self {
        StockReceived::DETAIL_TYPE
    }
}

impl StockReceived {
    /// The detail-type on the bus.
    pub const DETAIL_TYPE: &str = "StockReceived";

    /// Parses the `detail` of an event. The version is checked first: another version may
    /// have other fields.
    ///
    /// # Errors
    /// [`EventError::UnknownVersion`] for another schema version;
    /// [`EventError::Malformed`] if a field is missing or breaks its rule.
    pub fn from_json(detail: &str) -> Result<Self, EventError> {
        check_version(detail)?;
        Ok(serde_json::from_str(detail)?)
    }

    /// Returns the adjustment that adds the goods to the stock, recorded at `now`.
    #[must_use]
    pub fn adjustment(self, now: Timestamp) -> StockAdjustment {
        StockAdjustment {
            id: AdjustmentId::from_receipt(&self.receipt_id, &self.product_id),
            product_id: self.product_id,
            delta: self.quantity.into(),
            reason: self.reason,
            note: None,
            receipt_id: Some(self.receipt_id),
            created_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = r#"{"receiptId":"r-1","productId":"001","quantity":40,"reason":"received"}"#;
    const FULL: &str = r#"{"detailType":"StockReceived","receiptId":"r-1","productId":"001","quantity":40,"reason":"received","metadata":{"eventId":"e1","occurredAt":"2025-01-01T00:00:00.000Z","schemaVersion":1,"correlationId":"c1"}}"#;

    #[test]
    fn round_trips_with_and_without_optional_fields() {
        for detail in [BARE, FULL] {
            let event = StockReceived::from_json(detail).unwrap();
            assert_eq!(serde_json::to_string(&event).unwrap(), detail);
        }
    }

    #[test]
    fn ignores_unknown_fields() {
        let gained = BARE.replace("{", r#"{"supplier":{"id":7},"#);
        assert_eq!(StockReceived::from_json(&gained).unwrap(), StockReceived::from_json(BARE).unwrap());
    }

    #[test]
    fn adds_the_quantity_under_the_id_of_receipt_and_product() {
        let now = "2025-01-02T00:00:00Z".parse().unwrap();
        let event = StockReceived::from_json(FULL).unwrap();
        let adjustment = event.clone().adjustment(now);
        assert_eq!(adjustment.id, AdjustmentId::from_receipt(&event.receipt_id, &event.product_id));
        assert_eq!((adjustment.delta.get(), adjustment.reason), (40, AdjustmentReason::Received));
        assert_eq!((adjustment.receipt_id, adjustment.created_at), (Some(event.receipt_id), now));
    }

    #[test]
    fn reports_an_unknown_version_whatever_its_fields() {
        let detail = r#"{"metadata":{"schemaVersion":2},"goods":[]}"#;
        assert!(matches!(StockReceived::from_json(detail), Err(EventError::UnknownVersion(2))));
    }

    #[test]
    fn names_what_makes_an_event_malformed() {
        for (detail, why) in [
            ("", "EOF"),
            ("7", "invalid type"),
            (&BARE.replace(r#""receiptId":"r-1","#, ""), "missing field `receiptId`"),
            (&BARE.replace("r-1", "r 1"), "must be 1 to 64 characters"),
            (&BARE.replace(r#""productId":"001","#, ""), "missing field `productId`"),
            (&BARE.replace("40", "0"), "must be a whole number from 1 to 1000000"),
            (&BARE.replace("40", "1000001"), "must be a whole number from 1 to 1000000"),
            (&BARE.replace("40", "-1"), "integer"),
            (&BARE.replace("40", "1.5"), "floating point"),
            (&BARE.replace(r#","reason":"received""#, ""), "missing field `reason`"),
            (&BARE.replace(r#""received""#, r#""stolen""#), "must be received, returned,"),
            (&BARE.replace(r#""received""#, r#""alice@example.com""#), "not a text of 17 bytes"),
            (&FULL.replace("StockReceived", "StockSent"), "must be StockReceived, not \"StockSent\""),
            (&FULL.replace(r#""eventId":"e1","#, ""), "missing field `eventId`"),
        ] {
            match StockReceived::from_json(detail) {
                Err(EventError::Malformed(message)) => assert!(message.contains(why), "{detail}: {message}"),
                other => panic!("{detail}: {other:?}"),
            }
        }
    }
}
