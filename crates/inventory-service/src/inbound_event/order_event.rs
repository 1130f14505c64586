//! Order events: decodes an event and passes it to the module of its kind.

use domain::event::ORDER_SOURCE;
use domain::{
    CustomerId, EventKind, EventMetadata, Money, Order, OrderAction, OrderEvent, OrderId, OrderLines,
    Shipment, redact,
};
use lambda::clock::now;
use lambda::trigger::BusEvent;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::Store;
use crate::{fulfillment, release, reservation};

/// Decodes an event and creates the span of its log lines.
pub(super) fn decode(envelope: &BusEvent) -> (Span, Result<OrderEvent, ApplyError>) {
    let kind = envelope.detail_type.parse::<EventKind>().ok();
    let span = tracing::error_span!(
        "event",
        detailType = kind.map(EventKind::as_str),
        orderId = Empty,
        eventId = Empty,
        correlationId = Empty,
        shortages = Empty,
    );
    let event = parse(envelope);
    record_ids(&span, event.as_ref().ok(), envelope);
    (span, event)
}

/// Parses the detail and checks that the envelope, which determined the routing,
/// matches it.
fn parse(envelope: &BusEvent) -> Result<OrderEvent, ApplyError> {
    if envelope.source != ORDER_SOURCE {
        let source = redact::quote(&envelope.source);
        return Err(ApplyError::Malformed(format!("source {source} is not {ORDER_SOURCE}")));
    }
    let event = OrderEvent::from_json(envelope.detail.get())?;
    if envelope.detail_type != event.kind().as_str() {
        let detail_type = redact::quote(&envelope.detail_type);
        return Err(ApplyError::Malformed(format!("detail-type {detail_type} carries {}", event.kind())));
    }
    Ok(event)
}

fn record_ids(span: &Span, event: Option<&OrderEvent>, envelope: &BusEvent) {
    let metadata = event.and_then(OrderEvent::metadata);
    let event_id = metadata.map(|metadata| metadata.event_id.as_str()).or(envelope.id.as_deref());
    span.record("eventId", event_id);
    if let Some(event) = event {
        span.record("orderId", display(event.order_id()));
        span.record("correlationId", display(event.correlation_id()));
    }
}

/// Applies a decoded event.
pub(super) async fn apply(store: &Store, event: OrderEvent) -> Result<Outcome, ApplyError> {
    match event {
        OrderEvent::Placed { order_id, customer_id, items, total_amount, metadata } => {
            let claimed = claimed_order(order_id, customer_id, items, Some(total_amount), metadata.as_ref());
            reservation::reserve(store, &claimed, metadata.as_ref()).await
        }
        OrderEvent::Canceled { order_id, customer_id, items, metadata } => {
            let claimed = claimed_order(order_id, customer_id, items, None, metadata.as_ref());
            release::cancel(store, &claimed, metadata.as_ref()).await
        }
        OrderEvent::Shipped { order_id, shipment, metadata } => {
            fulfillment::advance(store, &order_id, OrderAction::Ship, &shipment, metadata.as_ref()).await
        }
        OrderEvent::Delivered { order_id, metadata } => {
            let shipment = Shipment::default();
            fulfillment::advance(store, &order_id, OrderAction::Deliver, &shipment, metadata.as_ref()).await
        }
        // These events result from this function's own writes, and are for other consumers.
        OrderEvent::Confirmed { .. } | OrderEvent::Rejected { .. } => Ok(Outcome::Stale),
    }
}

/// Returns the order that an event claims to be about.
pub(crate) fn claimed_order(
    id: OrderId,
    customer_id: CustomerId,
    items: OrderLines,
    total_amount: Option<Money>,
    metadata: Option<&EventMetadata>,
) -> Order {
    let occurred_at = metadata.map_or_else(now, |metadata| metadata.occurred_at);
    Order::from_event(id, customer_id, items, total_amount, occurred_at)
}
