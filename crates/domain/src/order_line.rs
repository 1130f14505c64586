//! Order lines: products and their quantities.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ProductId;
use crate::money::Money;

/// Units of one product in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Quantity(u32);

/// A quantity outside of [`Quantity::MIN`] to [`Quantity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from {} to {}", Quantity::MIN, Quantity::MAX)]
pub struct QuantityError;

impl Quantity {
    /// Minimum, in units.
    pub const MIN: u32 = 1;
    /// Maximum of one product in one order, in units.
    pub const MAX: u32 = 1000;

    /// Creates a quantity of `units`.
    ///
    /// # Errors
    /// [`QuantityError`] outside of [`Quantity::MIN`] to [`Quantity::MAX`].
    pub fn new(units: u32) -> Result<Self, QuantityError> {
        if (Self::MIN..=Self::MAX).contains(&units) { Ok(Self(units)) } else { Err(QuantityError) }
    }

    /// Returns the number of units.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    fn checked_add(self, other: Self) -> Result<Self, QuantityError> {
        Self::new(self.0 + other.0)
    }
}

impl TryFrom<u32> for Quantity {
    type Error = QuantityError;

    fn try_from(units: u32) -> Result<Self, QuantityError> {
        Self::new(units)
    }
}

impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A product and its quantity. In event JSON: `{"productId":"001","quantity":1}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// The product.
    pub product_id: ProductId,
    /// Ordered units.
    pub quantity: Quantity,
}

/// One to [`OrderLines::MAX`] lines, at most one for each product, in the order
/// in which the products first appear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<OrderLine>", into = "Vec<OrderLine>")]
pub struct OrderLines(Vec<OrderLine>);

/// Order lines that break a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderLinesError {
    /// No line.
    #[error("must have at least one line item")]
    Empty,
    /// More than [`OrderLines::MAX`] different products.
    #[error("must not have more than {} different products", OrderLines::MAX)]
    TooMany,
    /// Lines of one product that add up to more than [`Quantity::MAX`].
    #[error("the lines of product {0} add up to more than {max}", max = Quantity::MAX)]
    TooManyUnits(ProductId),
}

impl OrderLines {
    /// Maximum number of different products in one order. One transaction reserves
    /// all of them, and DynamoDB accepts at most 100 actions in a transaction:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    pub const MAX: usize = 50;

    /// Creates order lines, merging lines of the same product.
    ///
    /// # Errors
    /// [`OrderLinesError`] names the rule that the lines break.
    pub fn merge(lines: impl IntoIterator<Item = OrderLine>) -> Result<Self, OrderLinesError> {
        let mut merged: Vec<OrderLine> = Vec::new();
        for line in lines {
            match merged.iter().position(|known| known.product_id == line.product_id) {
                Some(n) => {
                    let sum = merged[n].quantity.checked_add(line.quantity);
                    merged[n].quantity = sum.map_err(|_| OrderLinesError::TooManyUnits(line.product_id))?;
                }
                None if merged.len() == Self::MAX => return Err(OrderLinesError::TooMany),
                None => merged.push(line),
            }
        }
        if merged.is_empty() { Err(OrderLinesError::Empty) } else { Ok(Self(merged)) }
    }

    /// Returns the lines, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[OrderLine] {
        &self.0
    }

    /// Iterates over the lines.
    pub fn iter(&self) -> std::slice::Iter<'_, OrderLine> {
        self.0.iter()
    }
}

impl TryFrom<Vec<OrderLine>> for OrderLines {
    type Error = OrderLinesError;

    fn try_from(lines: Vec<OrderLine>) -> Result<Self, OrderLinesError> {
        Self::merge(lines)
    }
}

impl From<OrderLines> for Vec<OrderLine> {
    fn from(lines: OrderLines) -> Self {
        lines.0
    }
}

impl<'a> IntoIterator for &'a OrderLines {
    type Item = &'a OrderLine;
    type IntoIter = std::slice::Iter<'a, OrderLine>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An order line with the price that the customer is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineItem {
    /// Product and quantity.
    pub line: OrderLine,
    /// Price of one unit. Unknown if the order was created from another producer's event.
    pub unit_price: Option<Money>,
}

/// A line of a rejected order with less stock on hand than it requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    /// The product that was short.
    pub product_id: ProductId,
    /// Units that the order requested.
    pub requested: Quantity,
    /// Units that were on hand.
    pub available: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(product: &str, quantity: u32) -> OrderLine {
        OrderLine { product_id: product.parse().unwrap(), quantity: Quantity::new(quantity).unwrap() }
    }

    #[test]
    fn accepts_quantities_from_1_to_1000() {
        assert!(Quantity::new(0).is_err());
        assert_eq!(Quantity::new(1).map(Quantity::get), Ok(1));
        assert_eq!(Quantity::new(1000).map(Quantity::get), Ok(1000));
        assert!(Quantity::new(1001).is_err());
    }

    #[test]
    fn merges_lines_of_one_product_in_order_of_first_appearance() {
        let merged = OrderLines::merge([line("b", 1), line("a", 2), line("b", 3)]).unwrap();
        assert_eq!(merged.as_slice(), [line("b", 4), line("a", 2)]);
    }

    #[test]
    fn rejects_merged_lines_above_the_maximum_quantity() {
        assert!(OrderLines::merge([line("a", 999), line("a", 1)]).is_ok());
        let product = "a".parse().unwrap();
        assert_eq!(
            OrderLines::merge([line("a", 1000), line("a", 1)]),
            Err(OrderLinesError::TooManyUnits(product))
        );
    }

    #[test]
    fn accepts_1_to_50_products() {
        let of = |count: u32| OrderLines::merge((0..count).map(|n| line(&format!("p{n}"), 1)));
        assert_eq!(of(0), Err(OrderLinesError::Empty));
        assert_eq!(of(50).map(|lines| lines.as_slice().len()), Ok(50));
        assert_eq!(of(51), Err(OrderLinesError::TooMany));
    }
}
