//! Events of orders from the bus: reads one and hands it to the module for its kind.

use domain::event::SOURCE;
use domain::{Change, Order, OrderEvent};
use lambda_support::Failure;
use lambda_support::clock::now;
use lambda_support::trigger::BusEvent;
use tracing::Instrument as _;

use crate::failure::Unapplied;
use crate::store::Store;
use crate::{progress, release, reservation};

/// Applies one event. Any number of times, at any time, it leaves behind what
/// it would have left behind when applied once and in order.
///
/// # Errors
/// A [`Failure`] if the event is not applied.
pub(crate) async fn consume(store: &Store, envelope: &BusEvent) -> Result<(), Failure> {
    let event = read(envelope).map_err(refuse)?;
    let metadata = event.metadata();
    let span = tracing::info_span!(
        "event",
        detailType = event.kind().as_str(),
        orderId = %event.order_id(),
        eventId = metadata.map(|metadata| metadata.event_id.as_str()),
        correlationId = metadata.map(|metadata| metadata.correlation_id.as_str()),
    );
    async { apply(store, event).await.map_err(refuse) }.instrument(span).await
}

/// Checks the envelope against what it carries: whoever routed the event by
/// the one must not be contradicted by the other.
fn read(envelope: &BusEvent) -> Result<OrderEvent, Unapplied> {
    if envelope.source != SOURCE {
        return Err(Unapplied::Malformed(format!("source {:?} is not {SOURCE}", envelope.source)));
    }
    let event = OrderEvent::from_json(envelope.detail.get())?;
    if envelope.detail_type != event.kind().as_str() {
        let routed = &envelope.detail_type;
        return Err(Unapplied::Malformed(format!("detail-type {routed:?} carries {}", event.kind())));
    }
    Ok(event)
}

async fn apply(store: &Store, event: OrderEvent) -> Result<(), Unapplied> {
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
        OrderEvent::Rejected { .. } => Ok(()),
    }
}

fn refuse(unapplied: Unapplied) -> Failure {
    let failure = Failure::from(unapplied);
    tracing::warn!(errorType = failure.error_type, error = failure.message, "event not applied");
    failure
}
