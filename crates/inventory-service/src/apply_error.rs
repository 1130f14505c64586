//! Errors of applying an event.

use aws::ServiceError;
use domain::{
    EventError, Order, OrderAction, OrderId, OrderStatus, ProductId, ReceiptId, Transition, transition,
};
use lambda::InvocationError;
use lambda::error::{BUSY, error_type};

/// `errorType`: the event is malformed. Permanent.
pub const MALFORMED_EVENT: &str = "MalformedEvent";
/// `errorType`: the schema version of the event is not supported. Permanent.
pub const UNKNOWN_VERSION: &str = "UnknownVersion";
/// `errorType`: the order can never reach the status. Permanent.
pub const ILLEGAL_TRANSITION: &str = "IllegalTransition";
/// `errorType`: the receipt was applied with another quantity or reason. Permanent.
pub const RECEIPT_REUSED: &str = "ReceiptReused";
/// `errorType`: the product is neither in stock nor in the catalog. Permanent.
pub const UNKNOWN_PRODUCT: &str = "UnknownProduct";
/// `errorType`: an earlier event has not been applied yet. Transient.
pub const TOO_EARLY: &str = "TooEarly";

/// An event that was not applied. Duplicates and late events are not errors: they
/// change nothing and succeed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    UnknownVersion(String),
    #[error("order {id} is {status} and cannot become {}", .action.target())]
    Forbidden { id: OrderId, status: OrderStatus, action: OrderAction },
    #[error("order {id} is {status} and cannot become {} yet", .action.target())]
    TooEarly { id: OrderId, status: OrderStatus, action: OrderAction },
    #[error("order {0} does not exist yet")]
    OrderMissing(OrderId),
    #[error("receipt {receipt} of product {product} was applied with another quantity or reason")]
    ReceiptReused { receipt: ReceiptId, product: ProductId },
    #[error("product {0} is neither in stock nor in the catalog")]
    UnknownProduct(ProductId),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<EventError> for ApplyError {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Malformed(_) => Self::Malformed(error.to_string()),
            EventError::UnknownVersion(_) => Self::UnknownVersion(error.to_string()),
        }
    }
}

impl ApplyError {
    /// Returns the error of an action that the status of `order` does not allow.
    pub(crate) fn not_allowed(order: &Order, action: OrderAction) -> Self {
        let (id, status) = (order.id.clone(), order.status);
        match transition(status, action) {
            Transition::TooEarly => Self::TooEarly { id, status, action },
            _ => Self::Forbidden { id, status, action },
        }
    }

    /// Returns true if the event met contention, throttling or an unavailable table.
    pub(crate) const fn is_contention_or_outage(&self) -> bool {
        matches!(self, Self::Service(ServiceError::Conflict(_) | ServiceError::Transient(_)))
    }

    const fn error_type(&self) -> &'static str {
        match self {
            Self::Malformed(_) => MALFORMED_EVENT,
            Self::UnknownVersion(_) => UNKNOWN_VERSION,
            Self::Forbidden { .. } => ILLEGAL_TRANSITION,
            Self::TooEarly { .. } | Self::OrderMissing(_) => TOO_EARLY,
            Self::ReceiptReused { .. } => RECEIPT_REUSED,
            Self::UnknownProduct(_) => UNKNOWN_PRODUCT,
            Self::Service(error) => error_type(error),
        }
    }
}

impl From<ApplyError> for InvocationError {
    fn from(error: ApplyError) -> Self {
        Self::new(error.error_type(), error.to_string())
    }
}

/// Returns true if an event with this error would fail again.
pub(crate) fn is_permanent(error: &InvocationError) -> bool {
    ![TOO_EARLY, BUSY].contains(&error.error_type)
}

#[cfg(test)]
mod tests {
    use lambda::error::INTERNAL;

    use super::*;

    #[test]
    fn every_error_has_its_error_type() {
        let error_type = |error: ApplyError| InvocationError::from(error).error_type;
        assert_eq!(error_type(EventError::Malformed("x".into()).into()), MALFORMED_EVENT);
        assert_eq!(error_type(EventError::UnknownVersion(2).into()), UNKNOWN_VERSION);
        assert_eq!(error_type(ApplyError::OrderMissing("o1".parse().unwrap())), TOO_EARLY);
        assert_eq!(error_type(ApplyError::UnknownProduct("001".parse().unwrap())), UNKNOWN_PRODUCT);
        let (receipt, product) = ("r-1".parse().unwrap(), "001".parse().unwrap());
        assert_eq!(error_type(ApplyError::ReceiptReused { receipt, product }), RECEIPT_REUSED);
        assert_eq!(error_type(ServiceError::Conflict("x".into()).into()), BUSY);
        assert_eq!(error_type(ServiceError::Transient("x".into()).into()), BUSY);
        assert_eq!(error_type(ServiceError::Permanent("x".into()).into()), INTERNAL);
    }
}
