//! Products of the catalog.

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

impl Product {
    /// Lowest price of a product that a request stores.
    pub const MIN_PRICE: Money = Money::SMALLEST;
}
