//! A change of an order.

use domain::{Order, OrderStatus};
use dynamodb::{ItemDecodeError, StoredOrder, decode_order};
use serde::{Serialize, Serializer};

use super::table_stream::ChangedItem;

/// A change of an order's status. The customer id is its only personal data.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderChange {
    /// Time of the change.
    pub(crate) time: String,
    pub(crate) order_id: String,
    pub(crate) customer_id: String,
    /// Status before the change. Absent if the change created the order.
    #[serde(serialize_with = "serialize_optional", skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<OrderStatus>,
    #[serde(serialize_with = "serialize")]
    pub(crate) to: OrderStatus,
    pub(crate) lines: Vec<ChangedLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_amount: Option<String>,
    /// Milliseconds since the order was placed.
    pub(crate) age_ms: u64,
}

/// A line of the order.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedLine {
    pub(crate) product_id: String,
    pub(crate) quantity: u32,
}

impl OrderChange {
    /// Returns the change of the status of an order, or nothing if the status stays.
    ///
    /// # Errors
    /// [`ItemDecodeError`] if the item of the order is invalid.
    pub(crate) fn of(change: &ChangedItem) -> Result<Option<Self>, ItemDecodeError> {
        let Some(new) = &change.new else { return Ok(None) };
        let StoredOrder { order, .. } = decode_order(new)?;
        let from = change.old.as_ref().and_then(|old| decode_order(old).ok()).map(|old| old.order.status);
        Ok((from != Some(order.status)).then(|| Self::new(&order, from)))
    }

    /// Returns true if the consumer has confirmed or rejected the order.
    pub(crate) const fn is_decision(&self) -> bool {
        matches!(self.to, OrderStatus::Confirmed | OrderStatus::Rejected)
    }

    fn new(order: &Order, from: Option<OrderStatus>) -> Self {
        let line = |line: &domain::OrderLine| ChangedLine {
            product_id: line.product_id.to_string(),
            quantity: line.quantity.get(),
        };
        Self {
            time: order.updated_at.to_string(),
            order_id: order.id.to_string(),
            customer_id: order.customer_id.to_string(),
            from,
            to: order.status,
            lines: order.lines().map(line).collect(),
            total_amount: order.total_amount.map(|total| total.to_string()),
            age_ms: order.updated_at.millis_since(order.created_at),
        }
    }
}

fn serialize<S: Serializer>(status: &OrderStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

fn serialize_optional<S: Serializer>(status: &Option<OrderStatus>, serializer: S) -> Result<S::Ok, S::Error> {
    status.map(OrderStatus::as_str).serialize(serializer)
}
