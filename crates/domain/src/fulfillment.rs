//! The list of orders to ship: a confirmed order is on it until it is shipped or canceled.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::ids::OrderId;
use crate::timestamp::Timestamp;

/// The part of the list that has an order. The parts are written independently, so that
/// the confirmations of many orders do not share one partition of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FulfillmentShard(u8);

impl FulfillmentShard {
    /// Number of shards. An order keeps its shard, so the number must not change.
    const COUNT: u8 = 16;

    /// Iterates over every shard.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Returns the shard of an order: the sum of the bytes of its id modulo the number
    /// of shards.
    #[must_use]
    pub fn of(order: &OrderId) -> Self {
        let sum = order.as_str().bytes().fold(0, u8::wrapping_add);
        Self(sum % Self::COUNT)
    }
}

impl fmt::Display for FulfillmentShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The position of an order on the list, which is sorted by the time of confirmation:
/// `{confirmedAt}#{orderId}`. It never changes, so a page token stays valid after the
/// order is shipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FulfillmentPosition(String);

impl FulfillmentPosition {
    /// Returns the position of an order that was confirmed at this time.
    #[must_use]
    pub fn new(confirmed_at: Timestamp, order: &OrderId) -> Self {
        Self(format!("{confirmed_at}#{order}"))
    }

    /// Returns the text, which sorts like the list.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FulfillmentPosition {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FulfillmentPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn shard(id: &str) -> String {
        FulfillmentShard::of(&id.parse().unwrap()).to_string()
    }

    #[test]
    fn the_shard_is_the_sum_of_the_bytes_of_the_id_modulo_16() {
        assert_eq!(shard("001"), "1", "0x30 + 0x30 + 0x31");
        assert_eq!(shard("o1"), "0", "0x6f + 0x31");
        assert_eq!(shard("o2"), "1");
        assert_eq!(shard(&"z".repeat(64)), "0", "64 * 0x7a");
    }

    #[test]
    fn every_shard_has_orders() {
        let used: BTreeSet<_> =
            (0..100).map(|n| FulfillmentShard::of(&format!("order-{n}").parse().unwrap())).collect();
        assert_eq!(used, FulfillmentShard::all().collect());
        assert_eq!(used.len(), 16);
    }

    #[test]
    fn positions_sort_by_time_and_then_by_id() {
        let position =
            |time: &str, id: &str| FulfillmentPosition::new(time.parse().unwrap(), &id.parse().unwrap());
        let sorted = [
            position("0001-01-01T00:00:00Z", "z"),
            position("2025-01-01T00:00:00.009Z", "b"),
            position("2025-01-01T00:00:00.010Z", "a"),
            position("2025-01-01T00:00:00.010Z", "a0"),
            position("2025-01-01T00:00:00.010Z", "b"),
        ];
        assert!(sorted.is_sorted());
        assert_eq!(sorted[1].as_str(), "2025-01-01T00:00:00.009Z#b");
        assert_eq!(sorted[1].to_string().parse(), Ok(sorted[1].clone()));
    }
}
