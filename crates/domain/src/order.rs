//! The order entity.

use crate::ids::{CustomerId, OrderId};
use crate::money::Money;
use crate::order_line::{LineItem, OrderLine, OrderLines, Shortage};
use crate::quote::Quote;
use crate::shipment::Shipment;
use crate::status::OrderStatus;
use crate::timestamp::Timestamp;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Identifier.
    pub id: OrderId,
    /// The customer who placed it.
    pub customer_id: CustomerId,
    /// Position in the life cycle.
    pub status: OrderStatus,
    /// Ordered products with prices, at most one item for each product.
    pub items: Vec<LineItem>,
    /// Sum of all items. Unknown if the order was created from an event without a total.
    pub total_amount: Option<Money>,
    /// Lines that were short of stock, for a rejected order.
    pub shortages: Vec<Shortage>,
    /// Carrier and tracking number, for a shipped order.
    pub shipment: Shipment,
    /// Time of placement.
    pub created_at: Timestamp,
    /// Time of the last status change.
    pub updated_at: Timestamp,
    /// True while its items are taken out of the inventory.
    pub stock_reserved: bool,
}

impl Order {
    /// Creates a new order at the prices of `quote`.
    #[must_use]
    pub fn place(id: OrderId, customer_id: CustomerId, quote: Quote, now: Timestamp) -> Self {
        let Quote { items, total_amount } = quote;
        Self::placed(id, customer_id, items, Some(total_amount), now)
    }

    /// Creates an order from another producer's event, which carries no prices.
    #[must_use]
    pub fn from_event(
        id: OrderId,
        customer_id: CustomerId,
        lines: OrderLines,
        total_amount: Option<Money>,
        occurred_at: Timestamp,
    ) -> Self {
        let items = Vec::from(lines).into_iter().map(|line| LineItem { line, unit_price: None }).collect();
        Self::placed(id, customer_id, items, total_amount, occurred_at)
    }

    fn placed(
        id: OrderId,
        customer_id: CustomerId,
        items: Vec<LineItem>,
        total_amount: Option<Money>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            customer_id,
            status: OrderStatus::Placed,
            items,
            total_amount,
            shortages: Vec::new(),
            shipment: Shipment::default(),
            created_at,
            updated_at: created_at,
            stock_reserved: false,
        }
    }

    /// Returns the order as the first response to its request showed it, whatever
    /// its status is now.
    #[must_use]
    pub fn as_placed(self) -> Self {
        Self {
            status: OrderStatus::Placed,
            shortages: Vec::new(),
            shipment: Shipment::default(),
            updated_at: self.created_at,
            stock_reserved: false,
            ..self
        }
    }

    /// Iterates over the order lines, without prices.
    pub fn lines(&self) -> impl Iterator<Item = &OrderLine> {
        self.items.iter().map(|item| &item.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_line::Quantity;

    fn order() -> Order {
        let line = OrderLine { product_id: "001".parse().unwrap(), quantity: Quantity::new(1).unwrap() };
        let price = "79.99".parse().unwrap();
        let quote = Quote { items: vec![LineItem { line, unit_price: Some(price) }], total_amount: price };
        let created_at = "2025-01-01T00:00:00Z".parse().unwrap();
        Order::place("o1".parse().unwrap(), "001".parse().unwrap(), quote, created_at)
    }

    #[test]
    fn restores_the_order_of_the_first_response() {
        let placed = order();
        let rejected = Order {
            status: OrderStatus::Rejected,
            stock_reserved: true,
            shipment: Shipment { carrier: Some("DHL".parse().unwrap()), tracking_number: None },
            updated_at: "2025-01-02T00:00:00Z".parse().unwrap(),
            shortages: vec![Shortage {
                product_id: "001".parse().unwrap(),
                requested: Quantity::new(1).unwrap(),
                available: 0,
            }],
            ..placed.clone()
        };
        assert_eq!(rejected.as_placed(), placed);
    }

    #[test]
    fn an_order_from_an_event_has_no_prices() {
        let lines = OrderLines::merge(order().lines().cloned()).unwrap();
        let created_at = "2025-01-01T00:00:00Z".parse().unwrap();
        let order = Order::from_event("o1".parse().unwrap(), "001".parse().unwrap(), lines, None, created_at);
        assert_eq!(order.items[0].unit_price, None);
        assert_eq!((order.status, order.stock_reserved), (OrderStatus::Placed, false));
    }
}
