//! Stock levels and the quantities that change them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::ProductId;

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

impl StockLevel {
    /// Maximum reorder point, in units.
    pub const MAX_REORDER_POINT: u64 = 1_000_000;

    /// Returns true if a reorder point is set and the quantity has reached it.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.reorder_point.is_some_and(|point| self.quantity <= point)
    }
}

/// A change of the stock on hand in units. It is never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StockDelta(i32);

/// A number that is not a [`StockDelta`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from -{max} to {max} and not 0", max = StockDelta::MAX)]
pub struct StockDeltaError;

impl StockDelta {
    /// Maximum of units that one adjustment adds or takes.
    pub const MAX: i32 = 1_000_000;

    /// Creates a change by `units`.
    ///
    /// # Errors
    /// [`StockDeltaError`] for zero, and for more than [`StockDelta::MAX`] units.
    pub fn new(units: i32) -> Result<Self, StockDeltaError> {
        if units != 0 && (-Self::MAX..=Self::MAX).contains(&units) {
            Ok(Self(units))
        } else {
            Err(StockDeltaError)
        }
    }

    /// Returns the units, negative for a removal.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Returns the units that the change takes out of stock; `None` if it adds units.
    #[must_use]
    pub fn removed_units(self) -> Option<u32> {
        (self.0 < 0).then_some(self.0.unsigned_abs())
    }
}

impl FromStr for StockDelta {
    type Err = StockDeltaError;

    fn from_str(text: &str) -> Result<Self, StockDeltaError> {
        Self::new(text.parse().map_err(|_| StockDeltaError)?)
    }
}

impl fmt::Display for StockDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The units of one receipt of goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct ReceivedQuantity(u32);

/// A number that is not a [`ReceivedQuantity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {}", ReceivedQuantity::MAX)]
pub struct ReceivedQuantityError;

impl ReceivedQuantity {
    /// Minimum, in units.
    pub const MIN: u32 = 1;
    /// Maximum, in units: that of an adjustment.
    pub const MAX: u32 = StockDelta::MAX.unsigned_abs();
}

impl TryFrom<u32> for ReceivedQuantity {
    type Error = ReceivedQuantityError;

    fn try_from(units: u32) -> Result<Self, ReceivedQuantityError> {
        if (Self::MIN..=Self::MAX).contains(&units) { Ok(Self(units)) } else { Err(ReceivedQuantityError) }
    }
}

impl From<ReceivedQuantity> for u32 {
    fn from(quantity: ReceivedQuantity) -> Self {
        quantity.0
    }
}

impl From<ReceivedQuantity> for StockDelta {
    fn from(quantity: ReceivedQuantity) -> Self {
        Self(quantity.0.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_is_not_zero_and_at_most_a_million_units() {
        for good in [-1_000_000, -1, 1, 1_000_000] {
            assert_eq!(StockDelta::new(good).map(StockDelta::get), Ok(good));
            assert_eq!(good.to_string().parse(), StockDelta::new(good));
        }
        for bad in [0, 1_000_001, -1_000_001, i32::MIN, i32::MAX] {
            assert_eq!(StockDelta::new(bad), Err(StockDeltaError), "{bad}");
        }
        for bad in ["", "1.5", "1e3", "--1", "99999999999"] {
            assert_eq!(bad.parse::<StockDelta>(), Err(StockDeltaError), "{bad}");
        }
        assert_eq!(StockDeltaError.to_string(), "must be a whole number from -1000000 to 1000000 and not 0");
    }

    #[test]
    fn only_a_negative_delta_removes_units() {
        assert_eq!(StockDelta(-3).removed_units(), Some(3));
        assert_eq!(StockDelta(3).removed_units(), None);
    }
}
