//! Events of the life of an order, and their JSON.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::discreet::{reason, shown};
use crate::ids::{CorrelationId, CustomerId, EventId, OrderId};
use crate::lines::Lines;
use crate::money::Money;
use crate::order::Shortage;
use crate::time::Timestamp;

/// The `source` of every event on the bus.
pub const SOURCE: &str = "ecommerce.order";

/// The version of the events that this code writes, and the only one it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It was placed.
    Placed,
    /// It was handed to the carrier.
    Shipped,
    /// It reached the customer.
    Delivered,
    /// It was called off.
    Canceled,
    /// There was not enough stock.
    Rejected,
}

/// The text is not a detail-type of this source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a detail-type of {SOURCE}")]
pub struct UnknownKind(String);

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Placed, Self::Shipped, Self::Delivered, Self::Canceled, Self::Rejected];

    /// The detail-type on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "OrderPlaced",
            Self::Shipped => "OrderShipped",
            Self::Delivered => "OrderDelivered",
            Self::Canceled => "OrderCanceled",
            Self::Rejected => "OrderRejected",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| UnknownKind(shown(text)))
    }
}

/// What we add to each event; other producers may leave it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventMetadata {
    /// The same for every delivery of one event.
    pub event_id: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The request that set it off.
    pub correlation_id: CorrelationId,
}

impl EventMetadata {
    /// What ties an event of `order` to the request that set it off, or else to the order.
    #[must_use]
    pub fn cause(metadata: Option<&Self>, order: &OrderId) -> CorrelationId {
        metadata.map_or_else(|| order.into(), |metadata| metadata.correlation_id.clone())
    }
}

/// An event: the `detail` of what goes over the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields carry the names of their types")]
pub enum OrderEvent {
    /// An order was placed.
    Placed {
        order_id: OrderId,
        customer_id: CustomerId,
        items: Lines,
        total_amount: Money,
        metadata: Option<EventMetadata>,
    },
    /// An order was handed to the carrier.
    Shipped { order_id: OrderId, metadata: Option<EventMetadata> },
    /// An order reached the customer.
    Delivered { order_id: OrderId, metadata: Option<EventMetadata> },
    /// An order was called off.
    Canceled { order_id: OrderId, customer_id: CustomerId, items: Lines, metadata: Option<EventMetadata> },
    /// There was not enough stock for an order.
    Rejected {
        order_id: OrderId,
        customer_id: CustomerId,
        items: Lines,
        shortages: Vec<Shortage>,
        metadata: Option<EventMetadata>,
    },
}

/// Why a text is not an event that this code can act on.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is not JSON, or a field is missing or breaks its rule.
    #[error("malformed event: {0}")]
    Malformed(String),
    /// It was written by a schema that this code does not know.
    #[error("event of schema version {0}, known is {SCHEMA_VERSION}")]
    UnknownVersion(u32),
}

impl From<serde_json::Error> for EventError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(reason(&error))
    }
}

/// The JSON of an event, fields in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    detail_type: String,
    order_id: OrderId,
    order_status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Lines>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortages: Option<Vec<Shortage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<EventMetadata>,
}

/// Just enough of an event to tell its version, whatever else that version holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireVersion {
    metadata: Option<WireMetadataVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMetadataVersion {
    schema_version: u32,
}

impl OrderEvent {
    /// Reads the `detail` of an event.
    ///
    /// # Errors
    /// [`EventError::UnknownVersion`] if it carries another schema version;
    /// [`EventError::Malformed`] if a field is missing or breaks its rule.
    pub fn from_json(detail: &str) -> Result<Self, EventError> {
        let version: WireVersion = serde_json::from_str(detail)?;
        match version.metadata {
            Some(metadata) if metadata.schema_version != SCHEMA_VERSION => {
                Err(EventError::UnknownVersion(metadata.schema_version))
            }
            _ => serde_json::from_str::<Wire>(detail)?.try_into(),
        }
    }

    /// Writes the `detail` of an event.
    ///
    /// # Errors
    /// Never for an event that this code made; serde's signature asks for one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Wire::from(self.clone()))
    }

    /// What happened.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Placed { .. } => EventKind::Placed,
            Self::Shipped { .. } => EventKind::Shipped,
            Self::Delivered { .. } => EventKind::Delivered,
            Self::Canceled { .. } => EventKind::Canceled,
            Self::Rejected { .. } => EventKind::Rejected,
        }
    }

    /// The order that it happened to.
    #[must_use]
    pub const fn order_id(&self) -> &OrderId {
        match self {
            Self::Placed { order_id, .. }
            | Self::Shipped { order_id, .. }
            | Self::Delivered { order_id, .. }
            | Self::Canceled { order_id, .. }
            | Self::Rejected { order_id, .. } => order_id,
        }
    }

    /// What its producer added, if it did.
    #[must_use]
    pub const fn metadata(&self) -> Option<&EventMetadata> {
        match self {
            Self::Placed { metadata, .. }
            | Self::Shipped { metadata, .. }
            | Self::Delivered { metadata, .. }
            | Self::Canceled { metadata, .. }
            | Self::Rejected { metadata, .. } => metadata.as_ref(),
        }
    }

    /// What ties the event to the request that set it off, or else to its order.
    #[must_use]
    pub fn correlation_id(&self) -> CorrelationId {
        EventMetadata::cause(self.metadata(), self.order_id())
    }
}

impl TryFrom<Wire> for OrderEvent {
    type Error = EventError;

    fn try_from(wire: Wire) -> Result<Self, EventError> {
        let kind: EventKind = wire
            .detail_type
            .parse()
            .map_err(|error: UnknownKind| EventError::Malformed(error.to_string()))?;
        if wire.order_status != wire.detail_type {
            return Err(EventError::Malformed("orderStatus must equal detailType".into()));
        }
        let Wire { order_id, customer_id, items, total_amount, shortages, metadata, .. } = wire;
        Ok(match kind {
            EventKind::Placed => Self::Placed {
                order_id,
                customer_id: needed(customer_id, "customerId")?,
                items: needed(items, "items")?,
                total_amount: needed(total_amount, "totalAmount")?,
                metadata,
            },
            EventKind::Shipped => Self::Shipped { order_id, metadata },
            EventKind::Delivered => Self::Delivered { order_id, metadata },
            EventKind::Canceled => Self::Canceled {
                order_id,
                customer_id: needed(customer_id, "customerId")?,
                items: needed(items, "items")?,
                metadata,
            },
            EventKind::Rejected => Self::Rejected {
                order_id,
                customer_id: needed(customer_id, "customerId")?,
                items: needed(items, "items")?,
                shortages: needed(shortages, "shortages")?,
                metadata,
            },
        })
    }
}

fn needed<T>(value: Option<T>, field: &str) -> Result<T, EventError> {
    value.ok_or_else(|| EventError::Malformed(format!("missing field `{field}`")))
}

impl From<OrderEvent> for Wire {
    fn from(event: OrderEvent) -> Self {
        let kind = event.kind();
        let bare = |order_id, metadata| Self {
            detail_type: kind.to_string(),
            order_id,
            order_status: kind.to_string(),
            customer_id: None,
            items: None,
            total_amount: None,
            shortages: None,
            metadata,
        };
        match event {
            OrderEvent::Placed { order_id, customer_id, items, total_amount, metadata } => Self {
                customer_id: Some(customer_id),
                items: Some(items),
                total_amount: Some(total_amount),
                ..bare(order_id, metadata)
            },
            OrderEvent::Shipped { order_id, metadata } | OrderEvent::Delivered { order_id, metadata } => {
                bare(order_id, metadata)
            }
            OrderEvent::Canceled { order_id, customer_id, items, metadata } => {
                Self { customer_id: Some(customer_id), items: Some(items), ..bare(order_id, metadata) }
            }
            OrderEvent::Rejected { order_id, customer_id, items, shortages, metadata } => Self {
                customer_id: Some(customer_id),
                items: Some(items),
                shortages: Some(shortages),
                ..bare(order_id, metadata)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACED: &str = r#"{"detailType":"OrderPlaced","orderId":"001","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98}"#;
    const SHIPPED: &str = r#"{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped"}"#;
    const DELIVERED: &str =
        r#"{"detailType":"OrderDelivered","orderId":"001","orderStatus":"OrderDelivered"}"#;
    const CANCELED: &str = r#"{"detailType":"OrderCanceled","orderId":"001","orderStatus":"OrderCanceled","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}]}"#;
    const REJECTED: &str = r#"{"detailType":"OrderRejected","orderId":"001","orderStatus":"OrderRejected","customerId":"001","items":[{"productId":"001","quantity":9}],"shortages":[{"productId":"001","requested":9,"available":3}]}"#;
    const METADATA: &str = r#","metadata":{"eventId":"e1","occurredAt":"2025-01-01T00:00:00.000Z","schemaVersion":1,"correlationId":"c1"}}"#;

    fn with_metadata(detail: &str) -> String {
        format!("{}{METADATA}", detail.strip_suffix('}').unwrap())
    }

    #[test]
    fn every_event_is_written_as_it_was_read() {
        let kinds = [PLACED, SHIPPED, DELIVERED, CANCELED, REJECTED].map(|bare| {
            for detail in [bare.to_owned(), with_metadata(bare)] {
                let event = OrderEvent::from_json(&detail).unwrap();
                assert_eq!(event.to_json().unwrap(), detail);
                assert_eq!(event.order_id().as_str(), "001");
                assert_eq!(event.metadata().is_some(), detail != bare);
            }
            OrderEvent::from_json(bare).unwrap().kind()
        });
        use EventKind::{Canceled, Delivered, Placed, Rejected, Shipped};
        assert_eq!(kinds, [Placed, Shipped, Delivered, Canceled, Rejected]);
    }

    #[test]
    fn fields_that_came_later_are_passed_over() {
        let gained = SHIPPED.replace("\"orderId\"", "\"carrier\":{\"name\":\"x\"},\"orderId\"");
        assert_eq!(OrderEvent::from_json(&gained).unwrap(), OrderEvent::from_json(SHIPPED).unwrap());
    }

    #[test]
    fn an_unknown_version_is_told_apart_even_when_its_shape_is_unknown() {
        let detail = r#"{"metadata":{"schemaVersion":2,"id":{}},"order":{"id":"001"}}"#;
        assert!(matches!(OrderEvent::from_json(detail), Err(EventError::UnknownVersion(2))));
    }

    #[test]
    fn what_is_malformed_says_what() {
        for (detail, why) in [
            ("", "EOF"),
            ("7", "invalid type"),
            ("null", "invalid type"),
            (r#"{"orderId":"1","orderStatus":"OrderPlaced"}"#, "missing field `detailType`"),
            (r#"{"detailType":"OrderShipped","orderStatus":"OrderShipped"}"#, "missing field `orderId`"),
            (&SHIPPED.replace("001", "a b"), "must be 1 to 64 characters"),
            (&SHIPPED.replace("OrderShipped", "OrderLost"), "\"OrderLost\" is not a detail-type"),
            (&SHIPPED.replacen("OrderShipped", "OrderDelivered", 1), "orderStatus must equal detailType"),
            (&PLACED.replace("\"customerId\":\"001\",", ""), "missing field `customerId`"),
            (
                &PLACED.replace("\"quantity\":1}]", "\"quantity\":0}]"),
                "must be a whole number from 1 to 1000",
            ),
            (&PLACED.replace("\"quantity\":1}]", "\"quantity\":1.5}]"), "floating point"),
            (&PLACED.replace("\"quantity\":1}]", "\"quantity\":-1}]"), "integer"),
            (&PLACED.replace("279.98", "279.985"), "more than two decimal places"),
            (&PLACED.replace(",\"totalAmount\":279.98", ""), "missing field `totalAmount`"),
            (
                &CANCELED.replace(
                    "[{\"productId\":\"001\",\"quantity\":1},{\"productId\":\"002\",\"quantity\":1}]",
                    "[]",
                ),
                "at least one line item",
            ),
            (&with_metadata(SHIPPED).replace("\"eventId\":\"e1\",", ""), "missing field `eventId`"),
        ] {
            match OrderEvent::from_json(detail) {
                Err(EventError::Malformed(message)) => assert!(message.contains(why), "{detail}: {message}"),
                other => panic!("{detail}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_lines_of_one_product_are_merged_in_events_too() {
        let doubled = PLACED.replace("\"002\"", "\"001\"");
        let OrderEvent::Placed { items, .. } = OrderEvent::from_json(&doubled).unwrap() else {
            panic!("not placed");
        };
        assert_eq!(items.as_slice().len(), 1);
        assert_eq!(items.as_slice()[0].quantity.get(), 2);
    }
}
