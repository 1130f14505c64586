//! Requests to place an order.

use sha2::{Digest, Sha256};

use crate::ids::CustomerId;
use crate::money::Money;
use crate::order_line::{OrderLine, OrderLines};

/// A valid request to place an order, not yet checked against the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// The customer who orders.
    pub customer_id: CustomerId,
    /// Ordered products and quantities.
    pub lines: OrderLines,
    /// Total that the client expects to pay.
    pub expected_total: Option<Money>,
}

impl OrderRequest {
    /// Computes the fingerprint of the request. Prices are not part of it.
    #[must_use]
    pub fn hash(&self) -> RequestHash {
        // Identifiers contain no space or line break, so different requests have different texts.
        let mut lines: Vec<&OrderLine> = self.lines.iter().collect();
        lines.sort_by(|a, b| a.product_id.cmp(&b.product_id));
        let mut text = format!("{}\n", self.customer_id);
        for line in lines {
            text.push_str(&format!("{} {}\n", line.product_id, line.quantity));
        }
        if let Some(total) = self.expected_total {
            text.push_str(&format!("{total}"));
        }
        RequestHash(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The SHA-256 of an order request in hexadecimal. It distinguishes a retry from a
/// different request under the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHash(String);

impl RequestHash {
    /// Creates a hash from its stored text.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the hash as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_line::Quantity;

    fn request(customer: &str, lines: &[(&str, u32)], expected_total: Option<&str>) -> OrderRequest {
        let line = |(product, quantity): &(&str, u32)| OrderLine {
            product_id: product.parse().unwrap(),
            quantity: Quantity::new(*quantity).unwrap(),
        };
        OrderRequest {
            customer_id: customer.parse().unwrap(),
            lines: OrderLines::merge(lines.iter().map(line)).unwrap(),
            expected_total: expected_total.map(|total| total.parse().unwrap()),
        }
    }

    #[test]
    fn hashes_equal_requests_alike_whatever_the_order_of_their_lines() {
        let hash = request("1", &[("a", 1), ("b", 2)], None).hash();
        assert_eq!(request("1", &[("b", 2), ("a", 1)], None).hash(), hash);
        assert_eq!(hash.as_str().len(), 64);
    }

    #[test]
    fn hashes_different_requests_differently() {
        let hash = request("1", &[("a", 1), ("b", 2)], None).hash();
        for other in [
            request("2", &[("a", 1), ("b", 2)], None),
            request("1", &[("a", 2), ("b", 1)], None),
            request("1", &[("a", 1)], None),
            request("1", &[("a", 1), ("b", 2)], Some("1")),
        ] {
            assert_ne!(other.hash(), hash, "{other:?}");
        }
    }
}
