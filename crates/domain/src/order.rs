//! An order, and its shape in the API.

use serde::{Deserialize, Serialize};

use crate::event::{EventKind, EventMetadata, OrderEvent, SCHEMA_VERSION};
use crate::ids::{CorrelationId, CustomerId, EventId, OrderId, ProductId};
use crate::lines::{Line, Lines, Quantity};
use crate::money::Money;
use crate::request::{Quote, RequestHash};
use crate::status::OrderStatus;
use crate::time::Timestamp;

/// A line of an order with the price that was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineItem {
    /// Which product, and how many.
    #[serde(flatten)]
    pub line: Line,
    /// The price of one piece; unknown where the order came in as an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Money>,
}

/// How much of a product was asked for, and how much there was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    /// The product that was short.
    pub product_id: ProductId,
    /// How many pieces the order asked for.
    pub requested: Quantity,
    /// How many pieces there were.
    pub available: u64,
}

/// The outbox: an event that the order's last change calls for, stored with
/// that change and published from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEvent {
    /// Its id, the same for each delivery.
    pub id: EventId,
    /// Its kind.
    pub kind: EventKind,
    /// When the change was made.
    pub time: Timestamp,
    /// The request that made the change.
    pub correlation_id: CorrelationId,
}

impl PendingEvent {
    /// The event of `kind` for an order, called for at `time`.
    #[must_use]
    pub fn new(order: &OrderId, kind: EventKind, time: Timestamp, correlation_id: CorrelationId) -> Self {
        Self { id: EventId::of(order, kind), kind, time, correlation_id }
    }
}

/// A page of the orders of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderList {
    /// What is on it, newest first.
    pub orders: Vec<Order>,
    /// What to ask for the next page with, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// An order.
///
/// What serde writes is the order as the API shows it; what is only kept for
/// the machinery (hash, reservation, outbox) stays inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Its id.
    #[serde(rename = "orderId")]
    pub id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// Where it stands.
    #[serde(rename = "orderStatus")]
    pub status: OrderStatus,
    /// What was ordered, no product twice.
    pub items: Vec<LineItem>,
    /// What it costs; unknown where the order came in as an event that does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_amount: Option<Money>,
    /// What was missing, for a rejected order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shortages: Vec<Shortage>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The request that it came from; none where it came in as an event.
    #[serde(skip)]
    pub request_hash: Option<RequestHash>,
    /// Whether its items are taken out of the inventory.
    #[serde(skip)]
    pub stock_reserved: bool,
    /// The event that is not known to have been applied yet.
    #[serde(skip)]
    pub event: Option<PendingEvent>,
}

impl Order {
    /// A new order, with the event that says so in its outbox.
    #[must_use]
    pub fn place(
        id: OrderId,
        customer_id: CustomerId,
        quote: Quote,
        request_hash: RequestHash,
        now: Timestamp,
        correlation_id: CorrelationId,
    ) -> Self {
        let event = PendingEvent::new(&id, EventKind::Placed, now, correlation_id);
        Self {
            id,
            customer_id,
            status: OrderStatus::Placed,
            items: quote.items,
            total_amount: Some(quote.total_amount),
            shortages: Vec::new(),
            created_at: now,
            updated_at: now,
            request_hash: Some(request_hash),
            stock_reserved: false,
            event: Some(event),
        }
    }

    /// The order that another producer's event tells of: without prices,
    /// without a request, and with nothing to publish.
    #[must_use]
    pub fn from_event(
        id: OrderId,
        customer_id: CustomerId,
        lines: Lines,
        total_amount: Option<Money>,
        occurred_at: Timestamp,
    ) -> Self {
        let item = |line| LineItem { line, unit_price: None };
        Self {
            id,
            customer_id,
            status: OrderStatus::Placed,
            items: Vec::from(lines).into_iter().map(item).collect(),
            total_amount,
            shortages: Vec::new(),
            created_at: occurred_at,
            updated_at: occurred_at,
            request_hash: None,
            stock_reserved: false,
            event: None,
        }
    }

    /// The order as it was when it was placed: what the first answer to its
    /// request said, however far it has come since.
    #[must_use]
    pub fn as_placed(self) -> Self {
        Self { status: OrderStatus::Placed, shortages: Vec::new(), updated_at: self.created_at, ..self }
    }

    /// The lines, without prices.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.items.iter().map(|item| &item.line)
    }

    /// What `pending` tells the world about this order.
    ///
    /// `None` if the order holds no lines, or lacks what the kind of event must
    /// tell: an order that came in as an event is never published as placed.
    #[must_use]
    pub fn event(&self, pending: &PendingEvent) -> Option<OrderEvent> {
        let metadata = Some(EventMetadata {
            event_id: pending.id.clone(),
            occurred_at: pending.time,
            schema_version: SCHEMA_VERSION,
            correlation_id: pending.correlation_id.clone(),
        });
        let order_id = self.id.clone();
        let customer_id = self.customer_id.clone();
        let lines = || Lines::merge(self.lines().cloned()).ok();
        Some(match pending.kind {
            EventKind::Placed => OrderEvent::Placed {
                order_id,
                customer_id,
                items: lines()?,
                total_amount: self.total_amount?,
                metadata,
            },
            EventKind::Shipped => OrderEvent::Shipped { order_id, metadata },
            EventKind::Delivered => OrderEvent::Delivered { order_id, metadata },
            EventKind::Canceled => OrderEvent::Canceled { order_id, customer_id, items: lines()?, metadata },
            EventKind::Rejected => OrderEvent::Rejected {
                order_id,
                customer_id,
                items: lines()?,
                shortages: self.shortages.clone(),
                metadata,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let item = |product: &str, price: &str| LineItem {
            line: Line { product_id: product.parse().unwrap(), quantity: Quantity::new(1).unwrap() },
            unit_price: Some(price.parse().unwrap()),
        };
        let quote = Quote {
            items: vec![item("001", "79.99"), item("002", "199.99")],
            total_amount: "279.98".parse().unwrap(),
        };
        Order::place(
            "o1".parse().unwrap(),
            "001".parse().unwrap(),
            quote,
            RequestHash::from_stored("hash".into()),
            "2025-01-01T00:00:00Z".parse().unwrap(),
            "c1".parse().unwrap(),
        )
    }

    #[test]
    fn the_api_shows_an_order_without_its_machinery() {
        assert_eq!(
            serde_json::to_string(&order()).unwrap(),
            concat!(
                r#"{"orderId":"o1","customerId":"001","orderStatus":"Placed","items":["#,
                r#"{"productId":"001","quantity":1,"unitPrice":79.99},"#,
                r#"{"productId":"002","quantity":1,"unitPrice":199.99}],"totalAmount":279.98,"#,
                r#""createdAt":"2025-01-01T00:00:00.000Z","updatedAt":"2025-01-01T00:00:00.000Z"}"#
            )
        );
    }

    #[test]
    fn the_first_answer_can_be_given_again_at_any_time() {
        let first = order();
        let rejected = Order {
            status: OrderStatus::Rejected,
            updated_at: "2025-01-02T00:00:00Z".parse().unwrap(),
            shortages: vec![Shortage {
                product_id: "001".parse().unwrap(),
                requested: Quantity::new(1).unwrap(),
                available: 0,
            }],
            ..first.clone()
        };
        assert_eq!(rejected.as_placed(), first);
    }

    #[test]
    fn a_new_order_carries_the_event_that_says_so() {
        let order = order();
        let pending = order.event.clone().unwrap();
        assert_eq!(pending.id, EventId::of(&order.id, EventKind::Placed));
        assert_eq!(
            order.event(&pending).unwrap().to_json().unwrap(),
            concat!(
                r#"{"detailType":"OrderPlaced","orderId":"o1","orderStatus":"OrderPlaced","customerId":"001","#,
                r#""items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98,"#,
                r#""metadata":{"eventId":"ID","occurredAt":"2025-01-01T00:00:00.000Z","schemaVersion":1,"correlationId":"c1"}}"#
            )
            .replace("ID", pending.id.as_str())
        );
    }

    #[test]
    fn an_order_of_unknown_total_is_not_published_as_placed() {
        let order = Order { total_amount: None, ..order() };
        let pending = order.event.clone().unwrap();
        assert_eq!(order.event(&pending), None);
    }
}
