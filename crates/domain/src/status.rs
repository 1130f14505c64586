//! The order life cycle: statuses, actions and allowed transitions.

use std::fmt;
use std::str::FromStr;

use crate::redact;

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Accepted, stock not reserved yet.
    Placed,
    /// Stock reserved.
    Confirmed,
    /// Handed to the carrier. Its stock is sold.
    Shipped,
    /// Received by the customer.
    Delivered,
    /// Not enough stock.
    Rejected,
    /// Canceled before shipment.
    Canceled,
}

/// A text that is not the name of a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an order status")]
pub struct UnknownStatusError(String);

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Placed, Self::Confirmed, Self::Shipped, Self::Delivered, Self::Rejected, Self::Canceled];

    /// Returns the name of the status, as stored and as shown by the API.
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
    type Err = UnknownStatusError;

    fn from_str(text: &str) -> Result<Self, UnknownStatusError> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| UnknownStatusError(redact::quote(text)))
    }
}

/// An action that changes the status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderAction {
    /// Record that its stock is reserved.
    Confirm,
    /// Record that its stock cannot be reserved.
    Reject,
    /// Record that it was handed to the carrier.
    Ship,
    /// Record that the customer received it.
    Deliver,
    /// Cancel it.
    Cancel,
}

impl OrderAction {
    /// Returns the status that the action leads to.
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

    /// Returns the statuses from which the action is allowed: the condition of its
    /// compare-and-set write.
    pub fn allowed_from(self) -> impl Iterator<Item = OrderStatus> {
        OrderStatus::ALL.into_iter().filter(move |&from| transition(from, self) == Transition::Allowed)
    }
}

/// The effect of an [`OrderAction`] on an order in some status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The order moves to the target status of the action.
    Allowed,
    /// The action has no effect: the order has reached or passed the target status, or the
    /// action no longer applies to it.
    AlreadyApplied,
    /// An earlier action has not been applied yet: retry later.
    TooEarly,
    /// The order can never reach the target status.
    Forbidden,
}

/// Returns the effect of `action` on an order in status `from`. This function is
/// the only definition of the order life cycle.
#[must_use]
pub const fn transition(from: OrderStatus, action: OrderAction) -> Transition {
    use OrderAction::{Cancel, Confirm, Deliver, Reject, Ship};
    use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};
    match (action, from) {
        (Confirm | Reject | Cancel, Placed) | (Ship | Cancel, Confirmed) | (Deliver, Shipped) => {
            Transition::Allowed
        }

        // The reservation was decided earlier, or the order was canceled before it.
        (Confirm | Reject, _) => Transition::AlreadyApplied,
        (Ship, Shipped | Delivered) | (Deliver, Delivered) => Transition::AlreadyApplied,
        // A rejected order holds no stock to release.
        (Cancel, Canceled | Rejected) => Transition::AlreadyApplied,

        (Ship | Deliver, Placed) | (Deliver, Confirmed) => Transition::TooEarly,

        (Ship | Deliver, Rejected | Canceled) | (Cancel, Shipped | Delivered) => Transition::Forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::OrderAction::{Cancel, Confirm, Deliver, Reject, Ship};
    use super::OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};
    use super::Transition::{Allowed, AlreadyApplied, Forbidden, TooEarly};
    use super::*;

    #[test]
    fn defines_a_transition_for_every_status_and_action() {
        let table = [
            // from:   Confirm, Reject, Ship, Deliver, Cancel
            (Placed, [Allowed, Allowed, TooEarly, TooEarly, Allowed]),
            (Confirmed, [AlreadyApplied, AlreadyApplied, Allowed, TooEarly, Allowed]),
            (Shipped, [AlreadyApplied, AlreadyApplied, AlreadyApplied, Allowed, Forbidden]),
            (Delivered, [AlreadyApplied, AlreadyApplied, AlreadyApplied, AlreadyApplied, Forbidden]),
            (Rejected, [AlreadyApplied, AlreadyApplied, Forbidden, Forbidden, AlreadyApplied]),
            (Canceled, [AlreadyApplied, AlreadyApplied, Forbidden, Forbidden, AlreadyApplied]),
        ];
        for (from, row) in table {
            for (action, expected) in [Confirm, Reject, Ship, Deliver, Cancel].into_iter().zip(row) {
                assert_eq!(transition(from, action), expected, "{from} {action:?}");
            }
        }
    }

    #[test]
    fn lists_the_statuses_from_which_an_action_is_allowed() {
        assert_eq!(Cancel.allowed_from().collect::<Vec<_>>(), [Placed, Confirmed]);
        assert_eq!(Deliver.allowed_from().collect::<Vec<_>>(), [Shipped]);
    }

    #[test]
    fn parses_every_status_by_name() {
        for status in OrderStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(status.to_string(), status.as_str());
        }
        assert!("placed".parse::<OrderStatus>().is_err());
    }
}
