//! The outbox attribute of an order's item.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::OutboxEvent;

use crate::attribute::{OUTBOX, OUTBOX_CORRELATION_ID, OUTBOX_ID, OUTBOX_TIME, OUTBOX_TYPE};
use crate::decode::{ItemDecodeError, map, required_text};
use crate::value::{Item, item, text};

/// Decodes the outbox of an order.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_outbox(item: &Item) -> Result<Option<OutboxEvent>, ItemDecodeError> {
    let Some(event) = map(item, OUTBOX)? else {
        return Ok(None);
    };
    Ok(Some(OutboxEvent {
        id: required_text(event, OUTBOX_ID)?,
        kind: required_text(event, OUTBOX_TYPE)?,
        time: required_text(event, OUTBOX_TIME)?,
        correlation_id: required_text(event, OUTBOX_CORRELATION_ID)?,
    }))
}

/// Encodes the outbox attribute.
#[must_use]
pub fn encode_outbox(event: &OutboxEvent) -> AttributeValue {
    AttributeValue::M(item([
        (OUTBOX_ID, text(&event.id)),
        (OUTBOX_TYPE, text(event.kind)),
        (OUTBOX_TIME, text(event.time)),
        (OUTBOX_CORRELATION_ID, text(&event.correlation_id)),
    ]))
}
