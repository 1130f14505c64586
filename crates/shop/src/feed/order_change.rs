//! A change of an order.

use domain::{Order, OrderStatus, Timestamp};
use dynamodb::{ItemDecodeError, StoredOrder, decode_order};
use serde::Serialize;

use super::table_stream::ChangedItem;

/// A change of an order's status. It has no personal data but the customer's id.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderChange {
    /// Time of the change.
    pub(crate) time: String,
    pub(crate) order_id: String,
    pub(crate) customer_id: String,
    /// Status before the change. Absent if the change created the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<&'static str>,
    pub(crate) to: &'static str,
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

    fn new(order: &Order, from: Option<OrderStatus>) -> Self {
        let line = |line: &domain::OrderLine| ChangedLine {
            product_id: line.product_id.to_string(),
            quantity: line.quantity.get(),
        };
        Self {
            time: order.updated_at.to_string(),
            order_id: order.id.to_string(),
            customer_id: order.customer_id.to_string(),
            from: from.map(OrderStatus::as_str),
            to: order.status.as_str(),
            lines: order.lines().map(line).collect(),
            total_amount: order.total_amount.map(|total| total.to_string()),
            age_ms: age_ms(order.updated_at, order.created_at),
        }
    }
}

fn age_ms(updated_at: Timestamp, created_at: Timestamp) -> u64 {
    updated_at.millis_since(created_at)
}
