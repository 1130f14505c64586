//! StockReceived: adds the goods that a warehouse has received to the stock.

use domain::event::WAREHOUSE_SOURCE;
use domain::{StockReceived, redact};
use lambda::clock::now;
use lambda::trigger::BusEvent;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::adjust_stock::{AdjustmentEffect, adjust};
use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::Store;

/// Decodes an event and creates the span of its log lines.
pub(super) fn decode(envelope: &BusEvent) -> (Span, Result<StockReceived, ApplyError>) {
    let event = parse(envelope);
    (event_span(envelope, event.as_ref().ok()), event)
}

/// Parses the detail and checks that the envelope, which determined the routing, matches it.
fn parse(envelope: &BusEvent) -> Result<StockReceived, ApplyError> {
    if envelope.detail_type != StockReceived::DETAIL_TYPE {
        let detail_type = redact::quote(&envelope.detail_type);
        return Err(ApplyError::Malformed(format!(
            "{detail_type} is not a detail-type of {WAREHOUSE_SOURCE}"
        )));
    }
    Ok(StockReceived::from_json(envelope.detail.get())?)
}

/// Creates the span of the event's log lines. A receipt correlates the events about it.
fn event_span(envelope: &BusEvent, event: Option<&StockReceived>) -> Span {
    let metadata = event.and_then(|event| event.metadata.as_ref());
    let event_id = metadata.map(|metadata| metadata.event_id.as_str()).or(envelope.id.as_deref());
    let span = tracing::error_span!(
        "event",
        detailType = event.map(|_| StockReceived::DETAIL_TYPE),
        eventId = event_id,
        receiptId = Empty,
        productId = Empty,
        correlationId = metadata.map(|metadata| display(&metadata.correlation_id)),
    );
    if let Some(event) = event {
        span.record("receiptId", display(&event.receipt_id));
        span.record("productId", display(&event.product_id));
        if metadata.is_none() {
            span.record("correlationId", display(&event.receipt_id));
        }
    }
    span
}

pub(super) async fn apply(store: &Store, event: StockReceived) -> Result<Outcome, ApplyError> {
    let (receipt, product) = (event.receipt_id.clone(), event.product_id.clone());
    let adjustment = event.adjustment(now());
    match adjust(store, &adjustment).await? {
        AdjustmentEffect::Applied => Ok(Outcome::StockAdjusted),
        AdjustmentEffect::AlreadyRecorded(recorded) if adjustment.repeats(&recorded) => Ok(Outcome::Stale),
        AdjustmentEffect::AlreadyRecorded(_) => Err(ApplyError::ReceiptReused { receipt, product }),
        AdjustmentEffect::UnknownProduct => Err(ApplyError::UnknownProduct(product)),
        // A receipt adds units, so it is never short.
        AdjustmentEffect::InsufficientStock => {
            Err(aws::ServiceError::Permanent("receiving stock reported a shortage".into()).into())
        }
    }
}
