//! Decoding of the outbox in stream records and items.

use aws_lambda_events::dynamodb::StreamRecord;
use domain::{EventKind, OrderId};
use dynamodb::attribute::{ORDER_ID, OUTBOX};
use dynamodb::{Item, decode_order, decode_outbox};

use crate::outbound_event::OutboundEvent;
use crate::unpublishable::UnpublishableError;

/// Returns the event of a stream record, if the change stored a new event.
pub(crate) fn decode_record(
    event_bus: &str,
    index: usize,
    change: StreamRecord,
) -> Result<Option<OutboundEvent>, UnpublishableError> {
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
    OutboundEvent::from_outbox(event_bus, index, order, outbox).map(Some)
}

/// Returns the event in the outbox of an item, with its kind.
pub(crate) fn decode_item(
    event_bus: &str,
    index: usize,
    item: &Item,
) -> Result<Option<(EventKind, OutboundEvent)>, UnpublishableError> {
    let Some(outbox) = decode_outbox(item)? else {
        return Ok(None);
    };
    let (kind, order) = (outbox.kind, decode_order(item)?.order);
    Ok(Some((kind, OutboundEvent::from_outbox(event_bus, index, order, outbox)?)))
}

/// Returns the order id in the key of a stream record, even if its images are unreadable.
pub(crate) fn order_id(change: &StreamRecord) -> Option<OrderId> {
    let keys: Item = change.keys.clone().into();
    keys.get(ORDER_ID)?.as_s().ok()?.parse().ok()
}
