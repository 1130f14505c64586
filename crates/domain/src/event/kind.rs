//! Kinds of order events.

use std::fmt;
use std::str::FromStr;

use crate::redact;
use crate::status::{OrderAction, OrderStatus};

/// The `source` of order events.
pub const ORDER_SOURCE: &str = "ecommerce.order";

/// A kind of order event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The order was placed.
    Placed,
    /// The stock of the order is reserved: a warehouse can ship it.
    Confirmed,
    /// The order was handed to the carrier.
    Shipped,
    /// The customer received the order.
    Delivered,
    /// The order was canceled.
    Canceled,
    /// The order was rejected for lack of stock.
    Rejected,
}

/// A text that is not a detail-type of [`ORDER_SOURCE`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a detail-type of {ORDER_SOURCE}")]
pub struct UnknownEventKindError(String);

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Placed, Self::Confirmed, Self::Shipped, Self::Delivered, Self::Canceled, Self::Rejected];

    /// Returns the kind of event that `action` causes.
    #[must_use]
    pub const fn of(action: OrderAction) -> Self {
        Self::of_status(action.target())
    }

    /// Returns the kind of event of the change to a status.
    #[must_use]
    pub const fn of_status(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Placed => Self::Placed,
            OrderStatus::Confirmed => Self::Confirmed,
            OrderStatus::Shipped => Self::Shipped,
            OrderStatus::Delivered => Self::Delivered,
            OrderStatus::Rejected => Self::Rejected,
            OrderStatus::Canceled => Self::Canceled,
        }
    }

    /// Returns the position among the events of an order, by which a consumer can sort them. Of two kinds
    /// with the same position, an order has only one.
    #[must_use]
    pub const fn sequence(self) -> u32 {
        match self {
            Self::Placed => 1,
            Self::Confirmed | Self::Rejected => 2,
            Self::Shipped | Self::Canceled => 3,
            Self::Delivered => 4,
        }
    }

    /// Returns the detail-type on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "OrderPlaced",
            Self::Confirmed => "OrderConfirmed",
            Self::Shipped => "OrderShipped",
            Self::Delivered => "OrderDelivered",
            Self::Canceled => "OrderCanceled",
            Self::Rejected => "OrderRejected",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = UnknownEventKindError;

    fn from_str(text: &str) -> Result<Self, UnknownEventKindError> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| UnknownEventKindError(redact::quote(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_detail_type() {
        for kind in EventKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        let error = "OrderLost".parse::<EventKind>().unwrap_err().to_string();
        assert_eq!(error, "\"OrderLost\" is not a detail-type of ecommerce.order");
    }
}
