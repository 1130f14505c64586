//! Decoding of the outbox of an order in stream records and items.

use aws_lambda_events::dynamodb::StreamRecord;
use domain::{EventKind, EventSubject, Order, OutboxEvent};
use dynamodb::attribute::{ORDER_ID, OUTBOX};
use dynamodb::{Item, StoredOrder, decode_order, decode_outbox};

use crate::outbound_event::EventContent;
use crate::unpublishable::UnpublishableError;

/// Returns the event of a stream record, if the change stored a new event.
pub(crate) fn decode_record(change: StreamRecord) -> Result<Option<EventContent>, UnpublishableError> {
    let old: Item = change.old_image.into();
    let new: Item = change.new_image.into();
    // Comparing the raw attributes first reports an unreadable outbox only once.
    if old.get(OUTBOX) == new.get(OUTBOX) {
        return Ok(None);
    }
    let Some(outbox) = decode_outbox(&new)? else {
        return Ok(None);
    };
    if matches!(decode_outbox(&old), Ok(Some(previous)) if previous.id == outbox.id) {
        return Ok(None);
    }
    let order = decode_order(&new)?.order;
    content(order, &outbox).map(Some)
}

/// Returns the events in the outbox of an item with their kinds, oldest first.
pub(crate) fn decode_item(item: &Item) -> Result<Vec<(EventKind, EventContent)>, UnpublishableError> {
    let StoredOrder { order, outbox, superseded, .. } = decode_order(item)?;
    let events = superseded.into_iter().map(|earlier| earlier.event).chain(outbox);
    events.map(|event| Ok((event.kind, content(order.clone(), &event)?))).collect()
}

/// Returns the order in the key of a stream record, even if its images are unreadable.
pub(crate) fn subject(change: &StreamRecord) -> Option<EventSubject> {
    let keys: Item = change.keys.clone().into();
    keys.get(ORDER_ID)?.as_s().ok()?.parse().ok().map(EventSubject::Order)
}

fn content(order: Order, outbox: &OutboxEvent) -> Result<EventContent, UnpublishableError> {
    let incomplete = || UnpublishableError::Incomplete(outbox.kind);
    let event = outbox.to_event(&order).ok_or_else(incomplete)?;
    let metadata = event.metadata().cloned().ok_or_else(incomplete)?;
    Ok(EventContent {
        subject: EventSubject::Order(order.id),
        detail_type: outbox.kind.as_str(),
        detail: event.to_json()?,
        metadata,
    })
}
