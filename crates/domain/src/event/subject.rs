//! The subject of an event.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, ProductId};

/// The order or the product that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventSubject {
    /// An order.
    #[serde(rename = "orderId")]
    Order(OrderId),
    /// The stock of a product.
    #[serde(rename = "productId")]
    Product(ProductId),
}

impl EventSubject {
    /// Returns the id if the subject is an order.
    #[must_use]
    pub fn order_id(&self) -> Option<&str> {
        match self {
            Self::Order(id) => Some(id.as_str()),
            Self::Product(_) => None,
        }
    }

    /// Returns the id if the subject is a product.
    #[must_use]
    pub fn product_id(&self) -> Option<&str> {
        match self {
            Self::Order(_) => None,
            Self::Product(id) => Some(id.as_str()),
        }
    }
}

impl fmt::Display for EventSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => id.fmt(f),
            Self::Product(id) => id.fmt(f),
        }
    }
}
