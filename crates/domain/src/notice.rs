//! What is said of an event that can never be published.

use serde::{Deserialize, Serialize};

use crate::ids::OrderId;

/// A record of the Orders stream that calls for an event which cannot be made:
/// the `detail` of an event of type [`UnpublishableEvent::DETAIL_TYPE`].
///
/// It is no event of the life of an order, and nothing acts on it: the bus
/// hands it to the dead-letter queue, as it does with every detail-type that
/// nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpublishableEvent {
    /// The order whose event it is, if its id can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Where the record stands in its shard of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
    /// What kind of fault, as a stable name.
    pub error_type: String,
    /// What is wrong, in words: at most [`UnpublishableEvent::MAX_REASON`] bytes.
    pub reason: String,
}

impl UnpublishableEvent {
    /// The detail-type on the bus.
    pub const DETAIL_TYPE: &str = "OrderEventUnpublishable";

    /// The most bytes of a reason. It may quote what is stored, and must not
    /// become too large to be published itself.
    pub const MAX_REASON: usize = 1024;

    /// Says why the event of a record cannot be published.
    #[must_use]
    pub fn new(
        order_id: Option<OrderId>,
        sequence_number: Option<String>,
        error_type: &str,
        mut reason: String,
    ) -> Self {
        reason.truncate(reason.floor_char_boundary(Self::MAX_REASON));
        Self { order_id, sequence_number, error_type: error_type.to_owned(), reason }
    }

    /// Writes the `detail`.
    ///
    /// # Errors
    /// Never; serde's signature asks for one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let id = "001".parse().unwrap();
        let full = UnpublishableEvent::new(Some(id), Some("42".into()), "BadItem", "no".into());
        assert_eq!(
            full.to_json().unwrap(),
            r#"{"orderId":"001","sequenceNumber":"42","errorType":"BadItem","reason":"no"}"#
        );
        assert_eq!(serde_json::from_str::<UnpublishableEvent>(&full.to_json().unwrap()).unwrap(), full);
        let bare = UnpublishableEvent::new(None, None, "BadItem", "no".into());
        assert_eq!(bare.to_json().unwrap(), r#"{"errorType":"BadItem","reason":"no"}"#);
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        let long = format!("x{}", "é".repeat(UnpublishableEvent::MAX_REASON));
        let event = UnpublishableEvent::new(None, None, "BadItem", long);
        assert_eq!(event.reason.len(), UnpublishableEvent::MAX_REASON - 1);
        assert!(event.reason.ends_with('é'));
    }

    #[test]
    fn it_is_told_apart_from_the_events_of_orders() {
        assert!(UnpublishableEvent::DETAIL_TYPE.parse::<crate::EventKind>().is_err());
    }
}
