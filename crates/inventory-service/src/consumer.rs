//! Events of orders from the bus: reads one and hands it to the module for its kind.

use domain::discreet::shown;
use domain::event::SOURCE;
use domain::{Change, EventKind, Order, OrderEvent};
use lambda_support::clock::now;
use lambda_support::trigger::BusEvent;
use lambda_support::{Failure, Metrics};
use tracing::Instrument as _;
use tracing::field::{Empty, display};

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
pub(crate) async fn consume(store: &Store, metrics: &Metrics, envelope: &BusEvent) -> Result<(), Failure> {
    let kind = envelope.detail_type.parse::<EventKind>().ok();
    let span = tracing::info_span!(
        "event",
        detailType = kind.map(EventKind::as_str),
        orderId = Empty,
        eventId = Empty,
        correlationId = Empty,
    );
    let outcome = handle(store, envelope).instrument(span.clone()).await;
    let _inside = span.entered();
    match outcome {
        Ok(outcome) => {
            tracing::info!(%outcome, "applied");
            outcome.count(metrics);
            Ok(())
        }
        Err(unapplied) => Err(refuse(unapplied, metrics)),
    }
}

async fn handle(store: &Store, envelope: &BusEvent) -> Result<Outcome, Unapplied> {
    let event = read(envelope);
    record_ids(event.as_ref().ok(), envelope);
    apply(store, event?).await
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
fn record_ids(event: Option<&OrderEvent>, envelope: &BusEvent) {
    let span = tracing::Span::current();
    let metadata = event.and_then(OrderEvent::metadata);
    let event_id = metadata.map(|metadata| metadata.event_id.as_str()).or(envelope.id.as_deref());
    span.record("eventId", event_id);
    if let Some(event) = event {
        span.record("orderId", display(event.order_id()));
        span.record("correlationId", display(event.correlation_id()));
    }
}

async fn apply(store: &Store, event: OrderEvent) -> Result<Outcome, Unapplied> {
    let occurred_at = event.metadata().map_or_else(now, |metadata| metadata.occurred_at);
    match event {
        OrderEvent::Placed { order_id, customer_id, items, total_amount, metadata } => {
            let claimed = Order::from_event(order_id, customer_id, items, Some(total_amount), occurred_at);
            reservation::reserve(store, &claimed, metadata.as_ref()).await
        }
        OrderEvent::Canceled { order_id, customer_id, items, metadata } => {
            let claimed = Order::from_event(order_id, customer_id, items, None, occurred_at);
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

fn refuse(unapplied: Unapplied, metrics: &Metrics) -> Failure {
    let failure = Failure::from(unapplied);
    tracing::warn!(errorType = failure.error_type, error = failure.message, "event not applied");
    metrics.add_failed(failure.error_type, 1);
    failure
}
