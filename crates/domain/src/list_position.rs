//! Positions in lists that are sorted by time.

use std::fmt;
use std::str::FromStr;

use crate::timestamp::Timestamp;

/// Separates the parts of a position. No id contains it.
const SEPARATOR: char = '#';

/// The position of an entry in a list that is sorted by time and then by id:
/// `{time}#{id}`. It stays valid when the entry is changed or leaves the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPosition<T> {
    /// Time by which the list is sorted.
    pub time: Timestamp,
    /// Id of the entry.
    pub id: T,
}

/// A text that is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time and an id")]
pub struct ListPositionError;

impl<T: FromStr> FromStr for ListPosition<T> {
    type Err = ListPositionError;

    fn from_str(text: &str) -> Result<Self, ListPositionError> {
        let (time, id) = text.split_once(SEPARATOR).ok_or(ListPositionError)?;
        let time = time.parse().map_err(|_| ListPositionError)?;
        Ok(Self { time, id: id.parse().map_err(|_| ListPositionError)? })
    }
}

impl<T: fmt::Display> fmt::Display for ListPosition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}", self.time, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OrderId;

    #[test]
    fn parses_its_own_text_only() {
        let text = "2025-01-01T00:00:00.000Z#order-1";
        let position: ListPosition<OrderId> = text.parse().unwrap();
        assert_eq!(position.to_string(), text);
        for other in
            ["", "order-1", "#order-1", "2025-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z#a b", "x#o"]
        {
            assert_eq!(other.parse::<ListPosition<OrderId>>(), Err(ListPositionError), "{other}");
        }
    }
}
