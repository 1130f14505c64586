//! Products of the catalog and their stock.

use crate::ids::ProductId;
use crate::money::Money;

/// A product of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Identifier, shared by the Products and Inventory tables.
    pub id: ProductId,
    /// Display name.
    pub name: String,
    /// Price of one unit.
    pub price: Money,
}

/// The stock on hand of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLevel {
    /// The product.
    pub product_id: ProductId,
    /// Units that no order holds.
    pub quantity: u64,
    /// Number of changes; 0 if the item is older than the count.
    pub revision: u64,
    /// Quantity at which stock is low, if one is set.
    pub reorder_point: Option<u64>,
}
