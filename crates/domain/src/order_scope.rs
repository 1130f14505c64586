//! The scope of an operation on orders.

use crate::ids::CustomerId;

/// The orders that an operation may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderScope {
    /// Every order.
    All,
    /// The orders of one customer.
    OwnedBy(CustomerId),
}

impl OrderScope {
    /// Returns true if an order of `owner` is in scope.
    #[must_use]
    pub fn includes(&self, owner: &CustomerId) -> bool {
        match self {
            Self::All => true,
            Self::OwnedBy(customer) => customer == owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_scope_includes_only_that_customer() {
        let customer = |id: &str| id.parse::<CustomerId>().unwrap();
        let scope = OrderScope::OwnedBy(customer("001"));
        assert!(scope.includes(&customer("001")));
        assert!(!scope.includes(&customer("0010")));
        assert!(OrderScope::All.includes(&customer("002")));
    }
}
