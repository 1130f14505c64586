//! What is ordered: products and how many of each.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ProductId;

/// How many pieces of one product an order asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Quantity(u32);

/// The quantity is outside of [`Quantity::MIN`] to [`Quantity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from {} to {}", Quantity::MIN, Quantity::MAX)]
pub struct InvalidQuantity;

impl Quantity {
    /// The smallest quantity, in pieces.
    pub const MIN: u32 = 1;
    /// The largest quantity of one product in one order, in pieces.
    pub const MAX: u32 = 1000;

    /// A quantity of `pieces`.
    ///
    /// # Errors
    /// [`InvalidQuantity`] outside of [`Quantity::MIN`] to [`Quantity::MAX`].
    pub fn new(pieces: u32) -> Result<Self, InvalidQuantity> {
        if (Self::MIN..=Self::MAX).contains(&pieces) { Ok(Self(pieces)) } else { Err(InvalidQuantity) }
    }

    /// The number of pieces.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    fn plus(self, other: Self) -> Result<Self, InvalidQuantity> {
        Self::new(self.0 + other.0)
    }
}

impl TryFrom<u32> for Quantity {
    type Error = InvalidQuantity;

    fn try_from(pieces: u32) -> Result<Self, InvalidQuantity> {
        Self::new(pieces)
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

/// One product and how many of it. On the wire: `{"productId":"001","quantity":1}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The product.
    pub product_id: ProductId,
    /// How many pieces of it.
    pub quantity: Quantity,
}

/// One to [`Lines::MAX`] lines, no product twice, in the order of first mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Line>", into = "Vec<Line>")]
pub struct Lines(Vec<Line>);

/// Why lines do not make an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLines {
    /// There is no line.
    #[error("must have at least one line item")]
    Empty,
    /// There are more than [`Lines::MAX`] different products.
    #[error("must not have more than {} different products", Lines::MAX)]
    TooMany,
    /// The lines of one product add up to more than [`Quantity::MAX`].
    #[error("the lines of product {0} add up to more than {max}", max = Quantity::MAX)]
    TooManyPieces(ProductId),
}

impl Lines {
    /// The most different products in one order. One transaction reserves them
    /// all, and DynamoDB takes at most 100 actions in one:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    pub const MAX: usize = 50;

    /// Merges the lines of one product into one.
    ///
    /// # Errors
    /// [`InvalidLines`] says which rule the lines break.
    pub fn merge(lines: impl IntoIterator<Item = Line>) -> Result<Self, InvalidLines> {
        let mut merged: Vec<Line> = Vec::new();
        for line in lines {
            let known = merged.iter().position(|known| known.product_id == line.product_id);
            match known {
                Some(n) => {
                    let sum = merged[n].quantity.plus(line.quantity);
                    merged[n].quantity = sum.map_err(|_| InvalidLines::TooManyPieces(line.product_id))?;
                }
                None if merged.len() == Self::MAX => return Err(InvalidLines::TooMany),
                None => merged.push(line),
            }
        }
        if merged.is_empty() { Err(InvalidLines::Empty) } else { Ok(Self(merged)) }
    }

    /// The lines, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[Line] {
        &self.0
    }

    /// The lines, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Line> {
        self.0.iter()
    }
}

impl TryFrom<Vec<Line>> for Lines {
    type Error = InvalidLines;

    fn try_from(lines: Vec<Line>) -> Result<Self, InvalidLines> {
        Self::merge(lines)
    }
}

impl From<Lines> for Vec<Line> {
    fn from(lines: Lines) -> Self {
        lines.0
    }
}

impl<'a> IntoIterator for &'a Lines {
    type Item = &'a Line;
    type IntoIter = std::slice::Iter<'a, Line>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(product: &str, quantity: u32) -> Line {
        Line { product_id: product.parse().unwrap(), quantity: Quantity::new(quantity).unwrap() }
    }

    #[test]
    fn a_quantity_is_one_to_a_thousand() {
        assert!(Quantity::new(0).is_err());
        assert_eq!(Quantity::new(1).map(Quantity::get), Ok(1));
        assert_eq!(Quantity::new(1000).map(Quantity::get), Ok(1000));
        assert!(Quantity::new(1001).is_err());
    }

    #[test]
    fn lines_of_one_product_are_merged_in_order_of_first_mention() {
        let merged = Lines::merge([line("b", 1), line("a", 2), line("b", 3)]).unwrap();
        assert_eq!(merged.as_slice(), [line("b", 4), line("a", 2)]);
    }

    #[test]
    fn merged_lines_keep_the_limit_of_a_line() {
        assert!(Lines::merge([line("a", 999), line("a", 1)]).is_ok());
        let product = "a".parse().unwrap();
        assert_eq!(Lines::merge([line("a", 1000), line("a", 1)]), Err(InvalidLines::TooManyPieces(product)));
    }

    #[test]
    fn an_order_has_one_to_fifty_products() {
        let of = |count: u32| Lines::merge((0..count).map(|n| line(&format!("p{n}"), 1)));
        assert_eq!(of(0), Err(InvalidLines::Empty));
        assert_eq!(of(50).map(|lines| lines.as_slice().len()), Ok(50));
        assert_eq!(of(51), Err(InvalidLines::TooMany));
    }
}
