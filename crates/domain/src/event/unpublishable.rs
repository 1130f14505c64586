//! The report that an event can never be published.

use serde::{Deserialize, Serialize};

use super::subject::EventSubject;

/// A report that the event of a stream record can never be published: the `detail`
/// of an event of type [`UnpublishableEvent::ORDER_EVENT`] or
/// [`UnpublishableEvent::INVENTORY_EVENT`].
///
/// No function consumes it. The bus routes it to the dead-letter queue, like every
/// unknown detail-type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpublishableEvent {
    /// Subject of the event, if its id is readable.
    #[serde(flatten)]
    pub subject: Option<EventSubject>,
    /// Position of the record in its stream shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
    /// Kind of error, a stable name.
    pub error_type: String,
    /// Description of the error, at most [`UnpublishableEvent::MAX_REASON`] bytes.
    pub reason: String,
}

impl UnpublishableEvent {
    /// Detail-type of a report about an order event.
    pub const ORDER_EVENT: &str = "OrderEventUnpublishable";
    /// Detail-type of a report about an inventory event.
    pub const INVENTORY_EVENT: &str = "InventoryEventUnpublishable";

    /// Maximum size of a reason in bytes. A reason can quote stored data, and the
    /// report must stay small enough to be published.
    pub const MAX_REASON: usize = 1024;

    /// Creates a report, truncating `reason` to the maximum size.
    #[must_use]
    pub fn new(
        subject: Option<EventSubject>,
        sequence_number: Option<String>,
        error_type: &str,
        mut reason: String,
    ) -> Self {
        reason.truncate(reason.floor_char_boundary(Self::MAX_REASON));
        Self { subject, sequence_number, error_type: error_type.to_owned(), reason }
    }

    /// Serializes the `detail`.
    ///
    /// # Errors
    /// None in practice; serde's signature requires one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory_event::InventoryEventKind;

    #[test]
    fn omits_unknown_fields() {
        let order = EventSubject::Order("001".parse().unwrap());
        let full = UnpublishableEvent::new(Some(order), Some("42".into()), "BadItem", "no".into());
        assert_eq!(
            full.to_json().unwrap(),
            r#"{"orderId":"001","sequenceNumber":"42","errorType":"BadItem","reason":"no"}"#
        );
        let product = Some(EventSubject::Product("001".parse().unwrap()));
        let product = UnpublishableEvent { subject: product, ..full.clone() };
        assert!(product.to_json().unwrap().starts_with(r#"{"productId":"001","#));
        let bare = UnpublishableEvent::new(None, None, "BadItem", "no".into());
        assert_eq!(bare.to_json().unwrap(), r#"{"errorType":"BadItem","reason":"no"}"#);
        for report in [full, product, bare] {
            let json = report.to_json().unwrap();
            assert_eq!(serde_json::from_str::<UnpublishableEvent>(&json).unwrap(), report);
        }
    }

    #[test]
    fn truncates_a_long_reason_at_a_character_boundary() {
        let long = format!("x{}", "é".repeat(UnpublishableEvent::MAX_REASON));
        let event = UnpublishableEvent::new(None, None, "BadItem", long);
        assert_eq!(event.reason.len(), UnpublishableEvent::MAX_REASON - 1);
        assert!(event.reason.ends_with('é'));
    }

    #[test]
    fn is_not_an_event_of_a_consumer() {
        assert!(UnpublishableEvent::ORDER_EVENT.parse::<crate::event::EventKind>().is_err());
        let kinds = InventoryEventKind::ALL.map(InventoryEventKind::as_str);
        assert!(!kinds.contains(&UnpublishableEvent::INVENTORY_EVENT));
    }
}
