//! The plan of a reservation, and the outcome of a conditional write.

use domain::Order;

/// The way an order gets its reservation.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Confirm the stored order, which has these lines.
    Confirm(Order),
    /// Create the order as confirmed.
    Create(Order),
}

impl Plan {
    pub(crate) const fn order(&self) -> &Order {
        match self {
            Self::Confirm(order) | Self::Create(order) => order,
        }
    }
}

/// The outcome of a write that is conditional on the order as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The write was applied.
    Applied,
    /// The order changed since it was read. Nothing was written.
    OrderChanged,
}
