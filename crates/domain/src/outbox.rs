//! The outbox of an order: the event of its last change, stored with that change
//! and published from there.

use crate::event::{EventKind, EventMetadata, OrderEvent, SCHEMA_VERSION};
use crate::ids::{CorrelationId, EventId, OrderId};
use crate::order::Order;
use crate::order_line::OrderLines;
use crate::timestamp::Timestamp;
use crate::trace_parent::TraceParent;

/// An event in the outbox of an order. The write that applies it removes it. OrderConfirmed
/// stays until the next change, and OrderRejected stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Identifier, the same for every publication.
    pub id: EventId,
    /// Kind of event.
    pub kind: EventKind,
    /// Time of the change that caused it.
    pub time: Timestamp,
    /// Request that made the change.
    pub correlation_id: CorrelationId,
    /// Trace of that request, if it is recorded.
    pub traceparent: Option<TraceParent>,
}

impl OutboxEvent {
    /// Creates the event of `kind` for an order that changed at `time`.
    #[must_use]
    pub fn new(order: &OrderId, kind: EventKind, time: Timestamp, correlation_id: CorrelationId) -> Self {
        Self { id: EventId::derive(order, kind), kind, time, correlation_id, traceparent: None }
    }

    /// Adds the trace of the request that made the change.
    #[must_use]
    pub fn with_trace(self, traceparent: Option<TraceParent>) -> Self {
        Self { traceparent, ..self }
    }

    /// Builds the event to publish for `order`.
    ///
    /// Returns `None` if the order lacks data that the event requires: it has no
    /// lines, or no total for an [`EventKind::Placed`]. An order that was created
    /// from another producer's event is never published as placed.
    #[must_use]
    pub fn to_event(&self, order: &Order) -> Option<OrderEvent> {
        let metadata = Some(EventMetadata {
            event_id: self.id.clone(),
            occurred_at: self.time,
            schema_version: SCHEMA_VERSION,
            correlation_id: self.correlation_id.clone(),
            traceparent: self.traceparent.clone(),
            sequence: Some(self.kind.sequence()),
        });
        let order_id = order.id.clone();
        let customer_id = order.customer_id.clone();
        let items = || OrderLines::merge(order.lines().cloned()).ok();
        Some(match self.kind {
            EventKind::Placed => OrderEvent::Placed {
                order_id,
                customer_id,
                items: items()?,
                total_amount: order.total_amount?,
                metadata,
            },
            EventKind::Confirmed => {
                // Rejects lines that break a rule; the event has the order's lines and prices.
                items()?;
                let (items, total_amount) = (order.items.clone(), order.total_amount);
                OrderEvent::Confirmed { order_id, customer_id, items, total_amount, metadata }
            }
            EventKind::Shipped => {
                OrderEvent::Shipped { order_id, shipment: order.shipment.clone(), metadata }
            }
            EventKind::Delivered => OrderEvent::Delivered { order_id, metadata },
            EventKind::Canceled => OrderEvent::Canceled { order_id, customer_id, items: items()?, metadata },
            EventKind::Rejected => OrderEvent::Rejected {
                order_id,
                customer_id,
                items: items()?,
                shortages: order.shortages.clone(),
                metadata,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_line::{LineItem, OrderLine, Quantity};
    use crate::quote::Quote;
    use crate::shipment::Shipment;

    fn order() -> Order {
        let item = |product: &str, price: &str| LineItem {
            line: OrderLine { product_id: product.parse().unwrap(), quantity: Quantity::new(1).unwrap() },
            unit_price: Some(price.parse().unwrap()),
        };
        let quote = Quote {
            items: vec![item("001", "79.99"), item("002", "199.99")],
            total_amount: "279.98".parse().unwrap(),
        };
        let created_at = "2025-01-01T00:00:00Z".parse().unwrap();
        Order::place("o1".parse().unwrap(), "001".parse().unwrap(), quote, created_at)
    }

    fn placed_event(order: &Order) -> OutboxEvent {
        OutboxEvent::new(&order.id, EventKind::Placed, order.created_at, "c1".parse().unwrap())
    }

    #[test]
    fn builds_the_event_of_a_placed_order() {
        let order = order();
        let outbox = placed_event(&order);
        assert_eq!(outbox.id, EventId::derive(&order.id, EventKind::Placed));
        assert_eq!(
            outbox.to_event(&order).unwrap().to_json().unwrap(),
            concat!(
                r#"{"detailType":"OrderPlaced","orderId":"o1","orderStatus":"OrderPlaced","customerId":"001","#,
                r#""items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98,"#,
                r#""metadata":{"eventId":"ID","occurredAt":"2025-01-01T00:00:00.000Z","schemaVersion":1,"correlationId":"c1","sequence":1}}"#
            )
            .replace("ID", outbox.id.as_str())
        );
    }

    #[test]
    fn the_event_of_a_confirmed_order_carries_the_prices_that_the_order_has() {
        let placed = order();
        let event = |order: &Order| {
            let time = "2025-01-01T00:00:01Z".parse().unwrap();
            let outbox = OutboxEvent::new(&order.id, EventKind::Confirmed, time, "c1".parse().unwrap());
            let json = outbox.to_event(order)?.to_json().unwrap();
            Some(json.split_once(r#","metadata":"#).unwrap().0.to_owned())
        };
        assert_eq!(
            event(&placed).unwrap(),
            concat!(
                r#"{"detailType":"OrderConfirmed","orderId":"o1","orderStatus":"OrderConfirmed","customerId":"001","#,
                r#""items":[{"productId":"001","quantity":1,"unitPrice":79.99},"#,
                r#"{"productId":"002","quantity":1,"unitPrice":199.99}],"totalAmount":279.98"#
            )
        );
        let items = placed.items.iter().map(|item| LineItem { unit_price: None, ..item.clone() }).collect();
        let unpriced = Order { items, total_amount: None, ..placed };
        assert_eq!(
            event(&unpriced).unwrap(),
            concat!(
                r#"{"detailType":"OrderConfirmed","orderId":"o1","orderStatus":"OrderConfirmed","customerId":"001","#,
                r#""items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}]"#
            )
        );
        assert_eq!(event(&Order { items: Vec::new(), ..unpriced }), None);
    }

    #[test]
    fn the_event_of_a_shipped_order_names_the_carrier() {
        let shipment =
            Shipment { carrier: Some("DHL".parse().unwrap()), tracking_number: Some("42".parse().unwrap()) };
        let order = Order { shipment, ..order() };
        let outbox = OutboxEvent { kind: EventKind::Shipped, ..placed_event(&order) };
        let json = outbox.to_event(&order).unwrap().to_json().unwrap();
        assert!(
            json.contains(r#""orderStatus":"OrderShipped","carrier":"DHL","trackingNumber":"42","metadata""#),
            "{json}"
        );
    }

    #[test]
    fn an_order_without_a_total_is_never_published_as_placed() {
        let order = Order { total_amount: None, ..order() };
        assert_eq!(placed_event(&order).to_event(&order), None);
    }
}
