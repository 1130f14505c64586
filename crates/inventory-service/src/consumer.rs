//! Events of orders from the bus: reads one and hands it to the module for its kind.

use aws_support::Deadline;
use domain::discreet::shown;
use domain::event::SOURCE;
use domain::{Change, CustomerId, EventKind, EventMetadata, Lines, Money, Order, OrderEvent, OrderId};
use lambda_support::clock::now;
use lambda_support::trigger::BusEvent;
use lambda_support::{Failure, Metrics};
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use crate::failure::Unapplied;
use crate::outcome::Outcome;
use crate::store::Store;
use crate::{progress, release, reservation};

/// Applies one event. Any number of times, at any time, it leaves behind what
/// it would have left behind when applied once and in order.
///
/// Each log line on the way carries what is known of the event; one that came
/// without an id of its own has that of the bus.
///
/// # Errors
/// A [`Failure`] if the event is not applied.
pub(crate) async fn consume(
    store: &Store,
    metrics: &Metrics,
    envelope: &BusEvent,
    deadline: Deadline,
) -> Result<(), Failure> {
    let (span, event) = open(envelope);
    let outcome = async { deadline.limit(apply(store, event?)).await? }.instrument(span.clone()).await;
    span.in_scope(|| conclude(outcome, metrics))
}

/// Reads an event, and makes the span of what is logged about it.
pub(crate) fn open(envelope: &BusEvent) -> (Span, Result<OrderEvent, Unapplied>) {
    let kind = envelope.detail_type.parse::<EventKind>().ok();
    let span = tracing::error_span!(
        "event",
        detailType = kind.map(EventKind::as_str),
        orderId = Empty,
        eventId = Empty,
        correlationId = Empty,
    );
    let event = read(envelope);
    record_ids(&span, event.as_ref().ok(), envelope);
    (span, event)
}

/// Logs and counts what has come of an event.
///
/// # Errors
/// A [`Failure`] if it was not applied.
pub(crate) fn conclude(outcome: Result<Outcome, Unapplied>, metrics: &Metrics) -> Result<(), Failure> {
    match outcome {
        Ok(outcome) => {
            tracing::info!(%outcome, "applied");
            outcome.count(metrics);
            Ok(())
        }
        Err(unapplied) => Err(refuse(unapplied, metrics)),
    }
}

/// Checks the envelope against what it carries: whoever routed the event by
/// the one must not be contradicted by the other.
fn read(envelope: &BusEvent) -> Result<OrderEvent, Unapplied> {
    if envelope.source != SOURCE {
        return Err(Unapplied::Malformed(format!("source {} is not {SOURCE}", shown(&envelope.source))));
    }
    let event = OrderEvent::from_json(envelope.detail.get())?;
    if envelope.detail_type != event.kind().as_str() {
        let routed = shown(&envelope.detail_type);
        return Err(Unapplied::Malformed(format!("detail-type {routed} carries {}", event.kind())));
    }
    Ok(event)
}

/// Tells the log which event this is.
fn record_ids(span: &Span, event: Option<&OrderEvent>, envelope: &BusEvent) {
    let metadata = event.and_then(OrderEvent::metadata);
    let event_id = metadata.map(|metadata| metadata.event_id.as_str()).or(envelope.id.as_deref());
    span.record("eventId", event_id);
    if let Some(event) = event {
        span.record("orderId", display(event.order_id()));
        span.record("correlationId", display(event.correlation_id()));
    }
}

/// Applies an event that was read.
pub(crate) async fn apply(store: &Store, event: OrderEvent) -> Result<Outcome, Unapplied> {
    match event {
        OrderEvent::Placed { order_id, customer_id, items, total_amount, metadata } => {
            let claimed = claimed(order_id, customer_id, items, Some(total_amount), metadata.as_ref());
            reservation::reserve(store, &claimed, metadata.as_ref()).await
        }
        OrderEvent::Canceled { order_id, customer_id, items, metadata } => {
            let claimed = claimed(order_id, customer_id, items, None, metadata.as_ref());
            release::cancel(store, &claimed, metadata.as_ref()).await
        }
        OrderEvent::Shipped { order_id, metadata } => {
            progress::advance(store, &order_id, Change::Ship, metadata.as_ref()).await
        }
        OrderEvent::Delivered { order_id, metadata } => {
            progress::advance(store, &order_id, Change::Deliver, metadata.as_ref()).await
        }
        // Said by this function, for others to hear.
        OrderEvent::Rejected { .. } => Ok(Outcome::Stale),
    }
}

/// The order as an event claims it to be.
pub(crate) fn claimed(
    id: OrderId,
    customer_id: CustomerId,
    items: Lines,
    total_amount: Option<Money>,
    metadata: Option<&EventMetadata>,
) -> Order {
    let occurred_at = metadata.map_or_else(now, |metadata| metadata.occurred_at);
    Order::from_event(id, customer_id, items, total_amount, occurred_at)
}

fn refuse(unapplied: Unapplied, metrics: &Metrics) -> Failure {
    let failure = Failure::from(unapplied);
    tracing::warn!(errorType = failure.error_type, error = failure.message, "event not applied");
    metrics.add_failed(failure.error_type, 1);
    failure
}
