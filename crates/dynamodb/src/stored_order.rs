//! An order as it is stored.

use domain::{
    CorrelationId, EventId, EventKind, FulfillmentPosition, Order, OrderAction, OutboxEvent, RequestHash,
    TraceParent,
};

use crate::attribute::OUTBOX;
use crate::outbox_item::SupersededEvent;

/// An order with its idempotency record and its outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    /// The order itself.
    pub order: Order,
    /// Hash of the request that placed it. Absent if another producer's event created it.
    pub request_hash: Option<RequestHash>,
    /// Event of the last change. Its consumer removes it; an OrderConfirmed or OrderRejected has
    /// no consumer in this system and stays.
    pub outbox: Option<OutboxEvent>,
    /// Events of earlier changes that their consumer has not removed, oldest first.
    pub superseded: Vec<SupersededEvent>,
    /// Position on the list of orders to ship. Kept after the order has left the list.
    pub fulfillment_position: Option<FulfillmentPosition>,
}

impl StoredOrder {
    /// Creates a placed order with its idempotency record and the OrderPlaced event in
    /// its outbox.
    #[must_use]
    pub fn placed(
        order: Order,
        request_hash: RequestHash,
        correlation_id: CorrelationId,
        traceparent: Option<TraceParent>,
    ) -> Self {
        let event = OutboxEvent::new(&order.id, EventKind::Placed, order.created_at, correlation_id)
            .with_trace(traceparent);
        Self { request_hash: Some(request_hash), outbox: Some(event), ..order.into() }
    }

    /// Creates a confirmed order that holds its stock, with `event` in its outbox and a
    /// position on the list of orders to ship.
    #[must_use]
    pub fn confirmed(order: Order, event: OutboxEvent) -> Self {
        let position = FulfillmentPosition::new(event.time, &order.id);
        let (status, updated_at) = (OrderAction::Confirm.target(), event.time);
        let order = Order { status, updated_at, stock_reserved: true, ..order };
        Self { outbox: Some(event), fulfillment_position: Some(position), ..order.into() }
    }

    /// Returns true if `id` is the event of the last change.
    #[must_use]
    pub fn holds_event(&self, id: &EventId) -> bool {
        self.outbox.as_ref().is_some_and(|event| event.id == *id)
    }

    /// Returns the outbox attribute that holds the event `id`.
    #[must_use]
    pub fn attribute_of(&self, id: &EventId) -> Option<&'static str> {
        if self.holds_event(id) {
            return Some(OUTBOX);
        }
        self.superseded.iter().find(|superseded| superseded.event.id == *id).map(|found| found.attribute)
    }
}

impl From<Order> for StoredOrder {
    /// Wraps an order without idempotency record, outbox and position.
    fn from(order: Order) -> Self {
        Self { order, request_hash: None, outbox: None, superseded: Vec::new(), fulfillment_position: None }
    }
}

#[cfg(test)]
mod tests {
    use domain::{OrderLine, OrderLines, OrderStatus, Quantity};

    use super::*;

    fn order() -> Order {
        let line = OrderLine { product_id: "p1".parse().unwrap(), quantity: Quantity::new(3).unwrap() };
        let lines = OrderLines::merge([line]).unwrap();
        let time = "2025-01-01T00:00:00Z".parse().unwrap();
        Order::from_event("o1".parse().unwrap(), "001".parse().unwrap(), lines, None, time)
    }

    #[test]
    fn a_placed_order_has_its_event_in_the_outbox() {
        let order = order();
        let hash = RequestHash::from_stored("hash".into());
        let stored = StoredOrder::placed(order.clone(), hash.clone(), "c1".parse().unwrap(), None);
        let event = stored.outbox.unwrap();
        assert_eq!((event.kind, event.time), (EventKind::Placed, order.created_at));
        assert_eq!(event.id, EventId::derive(&order.id, EventKind::Placed));
        assert_eq!(event.correlation_id.as_str(), "c1");
        assert_eq!((stored.order, stored.request_hash), (order, Some(hash)));
    }

    #[test]
    fn a_confirmed_order_has_its_stock_its_event_and_a_position() {
        let time = "2025-01-01T00:00:01Z".parse().unwrap();
        let event = OutboxEvent::new(&order().id, EventKind::Confirmed, time, "c1".parse().unwrap());
        let stored = StoredOrder::confirmed(order(), event.clone());
        assert_eq!((stored.order.status, stored.order.stock_reserved), (OrderStatus::Confirmed, true));
        assert_eq!(stored.order.updated_at, time);
        assert_eq!(stored.fulfillment_position.unwrap().as_str(), "2025-01-01T00:00:01.000Z#o1");
        assert_eq!(stored.outbox, Some(event));
    }
}
