//! The JSON of order lines with prices.

use serde::{Deserialize, Serialize};

use super::order_event::EventError;
use crate::ids::ProductId;
use crate::money::Money;
use crate::order_line::{LineItem, OrderLine, Quantity};

/// An order line with its price.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireLineItem {
    product_id: ProductId,
    quantity: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<Money>,
}

/// The part of an event that has the prices of its lines.
#[derive(Deserialize)]
struct WirePricedItems {
    items: Vec<WireLineItem>,
}

/// Reads the lines of an event with their prices.
pub(super) fn read_line_items(detail: &str) -> Result<Vec<LineItem>, EventError> {
    let priced: WirePricedItems = serde_json::from_str(detail)?;
    Ok(priced.items.into_iter().map(LineItem::from).collect())
}

impl From<WireLineItem> for LineItem {
    fn from(wire: WireLineItem) -> Self {
        let WireLineItem { product_id, quantity, unit_price } = wire;
        Self { line: OrderLine { product_id, quantity }, unit_price }
    }
}

impl From<LineItem> for WireLineItem {
    fn from(item: LineItem) -> Self {
        let LineItem { line: OrderLine { product_id, quantity }, unit_price } = item;
        Self { product_id, quantity, unit_price }
    }
}
