//! The life of an order, and which changes of status are legal.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::discreet::shown;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum OrderStatus {
    /// Accepted; stock is not reserved yet.
    Placed,
    /// Stock is reserved.
    Confirmed,
    /// On its way. The stock is sold.
    Shipped,
    /// With the customer.
    Delivered,
    /// There was not enough stock.
    Rejected,
    /// Called off.
    Canceled,
}

/// The text is not the name of a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an order status")]
pub struct UnknownStatus(String);

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Placed, Self::Confirmed, Self::Shipped, Self::Delivered, Self::Rejected, Self::Canceled];

    /// The name of the status, in storage and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "Placed",
            Self::Confirmed => "Confirmed",
            Self::Shipped => "Shipped",
            Self::Delivered => "Delivered",
            Self::Rejected => "Rejected",
            Self::Canceled => "Canceled",
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| UnknownStatus(shown(text)))
    }
}

/// What somebody wants to do with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Its stock was reserved.
    Confirm,
    /// Its stock could not be reserved.
    Reject,
    /// It was handed to the carrier.
    Ship,
    /// It reached the customer.
    Deliver,
    /// It is called off.
    Cancel,
}

impl Change {
    /// The status that the change leads to.
    #[must_use]
    pub const fn target(self) -> OrderStatus {
        match self {
            Self::Confirm => OrderStatus::Confirmed,
            Self::Reject => OrderStatus::Rejected,
            Self::Ship => OrderStatus::Shipped,
            Self::Deliver => OrderStatus::Delivered,
            Self::Cancel => OrderStatus::Canceled,
        }
    }

    /// The statuses from which the change is legal: the condition of the
    /// compare-and-set that makes it.
    pub fn sources(self) -> impl Iterator<Item = OrderStatus> {
        OrderStatus::ALL.into_iter().filter(move |&from| transition(from, self) == Transition::Legal)
    }
}

/// What a [`Change`] means for an order in some status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The order takes the change's target status.
    Legal,
    /// The order is there already, or past it: nothing is left to do.
    Stale,
    /// Not yet: a change that comes first has not been seen.
    TooEarly,
    /// Never.
    Illegal,
}

/// Decides what `change` means for an order in status `from`. This is the one
/// place that knows the life of an order.
#[must_use]
pub const fn transition(from: OrderStatus, change: Change) -> Transition {
    use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};
    match (change, from) {
        (Change::Confirm | Change::Reject | Change::Cancel, Placed)
        | (Change::Ship | Change::Cancel, Confirmed)
        | (Change::Deliver, Shipped) => Transition::Legal,

        // The reservation was decided, or the order was called off before it.
        (Change::Confirm | Change::Reject, _)
        | (Change::Ship, Shipped | Delivered)
        | (Change::Deliver, Delivered)
        // A rejected order holds nothing that could be given back.
        | (Change::Cancel, Canceled | Rejected) => Transition::Stale,

        (Change::Ship | Change::Deliver, Placed) | (Change::Deliver, Confirmed) => Transition::TooEarly,

        (Change::Ship | Change::Deliver, Rejected | Canceled) | (Change::Cancel, Shipped | Delivered) => {
            Transition::Illegal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Change::{Cancel, Confirm, Deliver, Reject, Ship};
    use super::OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};
    use super::Transition::{Illegal, Legal, Stale, TooEarly};
    use super::*;

    #[test]
    fn every_status_and_change_has_its_answer() {
        let table = [
            // from:   Confirm, Reject, Ship, Deliver, Cancel
            (Placed, [Legal, Legal, TooEarly, TooEarly, Legal]),
            (Confirmed, [Stale, Stale, Legal, TooEarly, Legal]),
            (Shipped, [Stale, Stale, Stale, Legal, Illegal]),
            (Delivered, [Stale, Stale, Stale, Stale, Illegal]),
            (Rejected, [Stale, Stale, Illegal, Illegal, Stale]),
            (Canceled, [Stale, Stale, Illegal, Illegal, Stale]),
        ];
        for (from, answers) in table {
            for (change, answer) in [Confirm, Reject, Ship, Deliver, Cancel].into_iter().zip(answers) {
                assert_eq!(transition(from, change), answer, "{from} {change:?}");
            }
        }
    }

    #[test]
    fn the_sources_of_a_change_are_where_it_is_legal() {
        assert_eq!(Cancel.sources().collect::<Vec<_>>(), [Placed, Confirmed]);
        assert_eq!(Deliver.sources().collect::<Vec<_>>(), [Shipped]);
    }

    #[test]
    fn a_status_is_read_by_its_name() {
        for status in OrderStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(status.to_string(), status.as_str());
        }
        assert!("placed".parse::<OrderStatus>().is_err());
    }
}
