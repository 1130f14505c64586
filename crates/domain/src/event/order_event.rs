//! Order events and their metadata.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kind::EventKind;
use super::lenient::valid_or_none;
use crate::ids::{CorrelationId, CustomerId, EventId, OrderId};
use crate::money::Money;
use crate::order_line::{LineItem, OrderLines, Shortage};
use crate::shipment::Shipment;
use crate::timestamp::Timestamp;
use crate::trace_parent::TraceParent;

/// The event schema version that this code writes, and the only one it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Namespace of the version 5 UUIDs (RFC 9562) that identify the events of an order.
const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0x3f3d_52c4_1d8e_4a0f_8f57_c1b6_70aa_94e2);

impl EventId {
    /// Derives the id of an order's event of one kind.
    ///
    /// Each kind occurs at most once in the life of an order, so every publication
    /// of the event has the same id.
    #[must_use]
    pub fn derive(order: &OrderId, kind: EventKind) -> Self {
        let name = format!("{order}/{}", kind.as_str());
        Uuid::new_v5(&EVENT_NAMESPACE, name.as_bytes()).into()
    }
}

/// The metadata that this system adds to its events. Other producers may omit it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventMetadata {
    /// Identifier, the same for every delivery of the event.
    pub event_id: EventId,
    /// Time of the change.
    pub occurred_at: Timestamp,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Request that made the change.
    pub correlation_id: CorrelationId,
    /// Trace of that request, if it is recorded.
    #[serde(default, deserialize_with = "valid_or_none", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// [`EventKind::sequence`]. Absent in an event about stock, which has a revision.
    #[serde(default, deserialize_with = "valid_or_none", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
}

impl EventMetadata {
    /// Returns the correlation id of an event, or the order id if it has no metadata.
    #[must_use]
    pub fn correlation_id_of(metadata: Option<&Self>, order: &OrderId) -> CorrelationId {
        metadata.map_or_else(|| order.into(), |metadata| metadata.correlation_id.clone())
    }

    /// Returns the id of an event of `kind` that this system stored with a change of `order`, or
    /// `None` for an event of another producer.
    #[must_use]
    pub fn own_event_id<'a>(
        metadata: Option<&'a Self>,
        order: &OrderId,
        kind: EventKind,
    ) -> Option<&'a EventId> {
        metadata.map(|metadata| &metadata.event_id).filter(|id| **id == EventId::derive(order, kind))
    }
}

/// An order event: the `detail` of a message on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields carry the names of their types")]
pub enum OrderEvent {
    /// The order was placed.
    Placed {
        order_id: OrderId,
        customer_id: CustomerId,
        items: OrderLines,
        total_amount: Money,
        metadata: Option<EventMetadata>,
    },
    /// The stock of the order is reserved: a warehouse can ship it. Prices and total are
    /// absent if another producer's event created the order.
    Confirmed {
        order_id: OrderId,
        customer_id: CustomerId,
        items: Vec<LineItem>,
        total_amount: Option<Money>,
        metadata: Option<EventMetadata>,
    },
    /// The order was handed to the carrier.
    Shipped { order_id: OrderId, shipment: Shipment, metadata: Option<EventMetadata> },
    /// The customer received the order.
    Delivered { order_id: OrderId, metadata: Option<EventMetadata> },
    /// The order was canceled.
    Canceled {
        order_id: OrderId,
        customer_id: CustomerId,
        items: OrderLines,
        metadata: Option<EventMetadata>,
    },
    /// The order was rejected for lack of stock.
    Rejected {
        order_id: OrderId,
        customer_id: CustomerId,
        items: OrderLines,
        shortages: Vec<Shortage>,
        metadata: Option<EventMetadata>,
    },
}

/// A text that is not an event this code can handle.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The text is not JSON, or a field is missing or breaks its rule.
    #[error("malformed event: {0}")]
    Malformed(String),
    /// The event has a schema version that this code does not support.
    #[error("unsupported event schema version {0}, supported is {SCHEMA_VERSION}")]
    UnknownVersion(u32),
}

impl OrderEvent {
    /// Returns the kind of event.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Placed { .. } => EventKind::Placed,
            Self::Confirmed { .. } => EventKind::Confirmed,
            Self::Shipped { .. } => EventKind::Shipped,
            Self::Delivered { .. } => EventKind::Delivered,
            Self::Canceled { .. } => EventKind::Canceled,
            Self::Rejected { .. } => EventKind::Rejected,
        }
    }

    /// Returns the order that the event is about.
    #[must_use]
    pub const fn order_id(&self) -> &OrderId {
        match self {
            Self::Placed { order_id, .. }
            | Self::Confirmed { order_id, .. }
            | Self::Shipped { order_id, .. }
            | Self::Delivered { order_id, .. }
            | Self::Canceled { order_id, .. }
            | Self::Rejected { order_id, .. } => order_id,
        }
    }

    /// Returns the metadata, if the producer added any.
    #[must_use]
    pub const fn metadata(&self) -> Option<&EventMetadata> {
        match self {
            Self::Placed { metadata, .. }
            | Self::Confirmed { metadata, .. }
            | Self::Shipped { metadata, .. }
            | Self::Delivered { metadata, .. }
            | Self::Canceled { metadata, .. }
            | Self::Rejected { metadata, .. } => metadata.as_ref(),
        }
    }

    /// Returns the correlation id, or the order id if the event has no metadata.
    #[must_use]
    pub fn correlation_id(&self) -> CorrelationId {
        EventMetadata::correlation_id_of(self.metadata(), self.order_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_event_ids_from_order_and_kind() {
        let (a, b) = ("1".parse().unwrap(), "2".parse().unwrap());
        assert_eq!(EventId::derive(&a, EventKind::Placed), EventId::derive(&a, EventKind::Placed));
        assert_ne!(EventId::derive(&a, EventKind::Placed), EventId::derive(&a, EventKind::Canceled));
        assert_ne!(EventId::derive(&a, EventKind::Placed), EventId::derive(&b, EventKind::Placed));
    }
}
