//! The JSON of order events.

use serde::{Deserialize, Serialize};

use super::kind::{EventKind, UnknownEventKindError};
use super::lenient::valid_or_none;
use super::line_items::{WireLineItem, read_line_items};
use super::order_event::{EventError, EventMetadata, OrderEvent, SCHEMA_VERSION};
use crate::ids::{CustomerId, OrderId};
use crate::money::Money;
use crate::order_line::{OrderLines, Shortage};
use crate::redact;
use crate::shipment::Shipment;
use crate::short_text::ShortText;

impl OrderEvent {
    /// Parses the `detail` of an event. The version is checked first: another version
    /// may have other fields.
    ///
    /// # Errors
    /// [`EventError::UnknownVersion`] for another schema version;
    /// [`EventError::Malformed`] if a field is missing or breaks its rule.
    pub fn from_json(detail: &str) -> Result<Self, EventError> {
        check_version(detail)?;
        serde_json::from_str::<WireEvent>(detail)?.into_event(detail)
    }

    /// Serializes the `detail` of an event.
    ///
    /// # Errors
    /// None in practice; serde's signature requires one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&WireEvent::from(self.clone()))
    }
}

impl From<serde_json::Error> for EventError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(redact::json_error(&error))
    }
}

/// Checks the schema version of an event and ignores its other fields. An event without
/// metadata has the supported version.
///
/// # Errors
/// [`EventError::UnknownVersion`] for another version; [`EventError::Malformed`] if the
/// version cannot be read.
pub(super) fn check_version(detail: &str) -> Result<(), EventError> {
    let version: WireVersion = serde_json::from_str(detail)?;
    match version.metadata {
        Some(metadata) if metadata.schema_version != SCHEMA_VERSION => {
            Err(EventError::UnknownVersion(metadata.schema_version))
        }
        _ => Ok(()),
    }
}

/// The JSON of an event. Fields are serialized in this order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEvent {
    detail_type: String,
    order_id: OrderId,
    order_status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<CustomerId>,
    /// Lines without prices. Every event with lines is read into this field first.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<OrderLines>,
    /// The same JSON field in an event that carries prices. [`read_line_items`] reads it, so
    /// that a price in any other event is ignored.
    #[serde(rename = "items", skip_deserializing, skip_serializing_if = "Option::is_none")]
    priced_items: Option<Vec<WireLineItem>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_amount: Option<Money>,
    #[serde(default, deserialize_with = "valid_or_none", skip_serializing_if = "Option::is_none")]
    carrier: Option<ShortText>,
    #[serde(default, deserialize_with = "valid_or_none", skip_serializing_if = "Option::is_none")]
    tracking_number: Option<ShortText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortages: Option<Vec<Shortage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<EventMetadata>,
}

/// The part of an event that has its schema version.
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

impl WireEvent {
    /// Checks the fields of this event, which was read from `detail`.
    fn into_event(self, detail: &str) -> Result<OrderEvent, EventError> {
        let kind: EventKind = self
            .detail_type
            .parse()
            .map_err(|error: UnknownEventKindError| EventError::Malformed(error.to_string()))?;
        if self.order_status != self.detail_type {
            return Err(EventError::Malformed("orderStatus must equal detailType".into()));
        }
        let Self { order_id, customer_id, items, total_amount, shortages, metadata, .. } = self;
        let customer_id = || require(customer_id, "customerId");
        let items = || require(items, "items");
        Ok(match kind {
            EventKind::Placed => OrderEvent::Placed {
                order_id,
                customer_id: customer_id()?,
                items: items()?,
                total_amount: require(total_amount, "totalAmount")?,
                metadata,
            },
            EventKind::Confirmed => {
                // Rejects lines that break a rule; the prices are read below.
                items()?;
                let items = read_line_items(detail)?;
                OrderEvent::Confirmed { order_id, customer_id: customer_id()?, items, total_amount, metadata }
            }
            EventKind::Shipped => {
                let shipment = Shipment { carrier: self.carrier, tracking_number: self.tracking_number };
                OrderEvent::Shipped { order_id, shipment, metadata }
            }
            EventKind::Delivered => OrderEvent::Delivered { order_id, metadata },
            EventKind::Canceled => {
                OrderEvent::Canceled { order_id, customer_id: customer_id()?, items: items()?, metadata }
            }
            EventKind::Rejected => OrderEvent::Rejected {
                order_id,
                customer_id: customer_id()?,
                items: items()?,
                shortages: require(shortages, "shortages")?,
                metadata,
            },
        })
    }

    /// Creates an event with the fields that every kind has.
    fn with_common_fields(kind: EventKind, order_id: OrderId, metadata: Option<EventMetadata>) -> Self {
        Self {
            detail_type: kind.to_string(),
            order_id,
            order_status: kind.to_string(),
            customer_id: None,
            items: None,
            priced_items: None,
            total_amount: None,
            carrier: None,
            tracking_number: None,
            shortages: None,
            metadata,
        }
    }
}

fn require<T>(value: Option<T>, field: &str) -> Result<T, EventError> {
    value.ok_or_else(|| EventError::Malformed(format!("missing field `{field}`")))
}

impl From<OrderEvent> for WireEvent {
    fn from(event: OrderEvent) -> Self {
        let kind = event.kind();
        match event {
            OrderEvent::Placed { order_id, customer_id, items, total_amount, metadata } => Self {
                customer_id: Some(customer_id),
                items: Some(items),
                total_amount: Some(total_amount),
                ..Self::with_common_fields(kind, order_id, metadata)
            },
            OrderEvent::Confirmed { order_id, customer_id, items, total_amount, metadata } => Self {
                customer_id: Some(customer_id),
                priced_items: Some(items.into_iter().map(WireLineItem::from).collect()),
                total_amount,
                ..Self::with_common_fields(kind, order_id, metadata)
            },
            OrderEvent::Shipped { order_id, shipment, metadata } => Self {
                carrier: shipment.carrier,
                tracking_number: shipment.tracking_number,
                ..Self::with_common_fields(kind, order_id, metadata)
            },
            OrderEvent::Delivered { order_id, metadata } => {
                Self::with_common_fields(kind, order_id, metadata)
            }
            OrderEvent::Canceled { order_id, customer_id, items, metadata } => Self {
                customer_id: Some(customer_id),
                items: Some(items),
                ..Self::with_common_fields(kind, order_id, metadata)
            },
            OrderEvent::Rejected { order_id, customer_id, items, shortages, metadata } => Self {
                customer_id: Some(customer_id),
                items: Some(items),
                shortages: Some(shortages),
                ..Self::with_common_fields(kind, order_id, metadata)
            },
        }
    }
}

#[cfg(test)]
mod tests;
