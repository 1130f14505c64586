//! Kinds of inventory events.

use std::fmt;

use serde::{Serialize, Serializer};

/// The `source` of the events about stock that this system publishes.
pub const INVENTORY_SOURCE: &str = "ecommerce.inventory";

/// A kind of inventory event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InventoryEventKind {
    /// The quantity changed.
    Updated,
    /// The quantity reached the reorder point.
    Low,
    /// The last unit was taken.
    Depleted,
    /// The product has units again.
    BackInStock,
}

impl InventoryEventKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Updated, Self::Low, Self::Depleted, Self::BackInStock];

    /// Returns the detail-type on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "InventoryUpdated",
            Self::Low => "StockLow",
            Self::Depleted => "StockDepleted",
            Self::BackInStock => "BackInStock",
        }
    }
}

impl fmt::Display for InventoryEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for InventoryEventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
