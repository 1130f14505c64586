//! Why an event could not be applied.

use aws_support::Fault;
use domain::{Change, EventError, Order, OrderId, OrderStatus, Transition, transition};
use lambda_support::Failure;
pub use lambda_support::failure::{BUSY, INTERNAL};

/// `errorType`: the event is not one that this function understands. Permanent.
pub const MALFORMED_EVENT: &str = "MalformedEvent";
/// `errorType`: the event was written by a schema that is not known here. Permanent.
pub const UNKNOWN_VERSION: &str = "UnknownVersion";
/// `errorType`: the order can never make this change. Permanent.
pub const ILLEGAL_TRANSITION: &str = "IllegalTransition";
/// `errorType`: an event that comes first has not been applied yet. Passes.
pub const TOO_EARLY: &str = "TooEarly";

/// Why an event could not be applied. A duplicate or a late one is not among
/// these: nothing is left to do for it, which is success.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unapplied {
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    UnknownVersion(String),
    #[error("order {id} is {status} and cannot become {}", .change.target())]
    Illegal { id: OrderId, status: OrderStatus, change: Change },
    #[error("order {id} is {status} and cannot become {} yet", .change.target())]
    TooEarly { id: OrderId, status: OrderStatus, change: Change },
    #[error("there is no order {0} yet")]
    NoOrderYet(OrderId),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<EventError> for Unapplied {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Malformed(_) => Self::Malformed(error.to_string()),
            EventError::UnknownVersion(_) => Self::UnknownVersion(error.to_string()),
        }
    }
}

impl Unapplied {
    /// Says why `order` does not make `change`.
    pub(crate) fn by(order: &Order, change: Change) -> Self {
        let (id, status) = (order.id.clone(), order.status);
        match transition(status, change) {
            Transition::TooEarly => Self::TooEarly { id, status, change },
            _ => Self::Illegal { id, status, change },
        }
    }

    const fn error_type(&self) -> &'static str {
        match self {
            Self::Malformed(_) => MALFORMED_EVENT,
            Self::UnknownVersion(_) => UNKNOWN_VERSION,
            Self::Illegal { .. } => ILLEGAL_TRANSITION,
            Self::TooEarly { .. } | Self::NoOrderYet(_) => TOO_EARLY,
            Self::Fault(fault) => fault.error_type(),
        }
    }
}

impl From<Unapplied> for Failure {
    fn from(unapplied: Unapplied) -> Self {
        Self::new(unapplied.error_type(), unapplied.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_told_by_its_error_type() {
        let error_type = |unapplied: Unapplied| Failure::from(unapplied).error_type;
        assert_eq!(error_type(EventError::Malformed("x".into()).into()), MALFORMED_EVENT);
        assert_eq!(error_type(EventError::UnknownVersion(2).into()), UNKNOWN_VERSION);
        assert_eq!(error_type(Unapplied::NoOrderYet("o1".parse().unwrap())), TOO_EARLY);
        assert_eq!(error_type(Fault::Contended("x".into()).into()), BUSY);
        assert_eq!(error_type(Fault::Unavailable("x".into()).into()), BUSY);
        assert_eq!(error_type(Fault::Broken("x".into()).into()), INTERNAL);
    }
}
