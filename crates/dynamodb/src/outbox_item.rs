//! The outbox attributes of an order's item.
//!
//! `Event` has the event of the last change. A later change moves the event that it finds there to
//! an attribute of its own, so that no event is lost before its consumer applies it.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{OrderAction, OutboxEvent};

use crate::attribute::{
    EVENT_BEFORE_CANCELED, EVENT_BEFORE_DELIVERED, EVENT_BEFORE_SHIPPED, OUTBOX, OUTBOX_CORRELATION_ID,
    OUTBOX_ID, OUTBOX_TIME, OUTBOX_TRACE_PARENT, OUTBOX_TYPE,
};
use crate::decode::{ItemDecodeError, map, optional_text, required_text};
use crate::value::{Item, item, text};

/// An earlier event that a later change found in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupersededEvent {
    /// Attribute that holds the event.
    pub attribute: &'static str,
    /// Event.
    pub event: OutboxEvent,
}

/// The attributes of earlier events, in the order in which an order can get them.
const SUPERSEDED: [&str; 3] = [EVENT_BEFORE_SHIPPED, EVENT_BEFORE_DELIVERED, EVENT_BEFORE_CANCELED];

/// Decodes the event of the last change.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_outbox(item: &Item) -> Result<Option<OutboxEvent>, ItemDecodeError> {
    decode_event(item, OUTBOX)
}

/// Decodes the earlier events that are not removed yet, oldest first.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_superseded(item: &Item) -> Result<Vec<SupersededEvent>, ItemDecodeError> {
    let mut superseded = Vec::new();
    for attribute in SUPERSEDED {
        // An update stores NULL if it finds no event.
        if item.get(attribute).is_some_and(|value| !value.is_null())
            && let Some(event) = decode_event(item, attribute)?
        {
            superseded.push(SupersededEvent { attribute, event });
        }
    }
    Ok(superseded)
}

/// Encodes the outbox attribute.
#[must_use]
pub fn encode_outbox(event: &OutboxEvent) -> AttributeValue {
    let mut attributes = item([
        (OUTBOX_ID, text(&event.id)),
        (OUTBOX_TYPE, text(event.kind)),
        (OUTBOX_TIME, text(event.time)),
        (OUTBOX_CORRELATION_ID, text(&event.correlation_id)),
    ]);
    attributes.extend(event.traceparent.as_ref().map(|trace| (OUTBOX_TRACE_PARENT.to_owned(), text(trace))));
    AttributeValue::M(attributes)
}

/// Returns the part of an update expression that moves the present event to the attribute of
/// `action`, for example `, EventBeforeShipped = if_not_exists(Event, :none)`, and its
/// expression values. It is empty for an action that applies the present event.
#[must_use]
pub fn keep_event(action: OrderAction) -> (String, Item) {
    let attribute = match action {
        OrderAction::Ship => EVENT_BEFORE_SHIPPED,
        OrderAction::Deliver => EVENT_BEFORE_DELIVERED,
        OrderAction::Cancel => EVENT_BEFORE_CANCELED,
        OrderAction::Confirm | OrderAction::Reject => return (String::new(), Item::new()),
    };
    let values = item([(":none", AttributeValue::Null(true))]);
    (format!(", {attribute} = if_not_exists({OUTBOX}, :none)"), values)
}

fn decode_event(item: &Item, attribute: &str) -> Result<Option<OutboxEvent>, ItemDecodeError> {
    let Some(event) = map(item, attribute)? else {
        return Ok(None);
    };
    Ok(Some(OutboxEvent {
        id: required_text(event, OUTBOX_ID)?,
        kind: required_text(event, OUTBOX_TYPE)?,
        time: required_text(event, OUTBOX_TIME)?,
        correlation_id: required_text(event, OUTBOX_CORRELATION_ID)?,
        traceparent: optional_text(event, OUTBOX_TRACE_PARENT)?,
    }))
}

#[cfg(test)]
mod tests {
    use domain::EventKind;

    use super::*;

    #[test]
    fn decodes_the_earlier_events_in_order_and_skips_those_that_do_not_exist() {
        let event = |kind| {
            let time = "2025-01-01T00:00:00Z".parse().unwrap();
            OutboxEvent::new(&"o1".parse().unwrap(), kind, time, "c1".parse().unwrap())
        };
        let trace = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01".parse().unwrap();
        let (confirmed, shipped) =
            (event(EventKind::Confirmed).with_trace(Some(trace)), event(EventKind::Shipped));
        let item = item([
            (EVENT_BEFORE_DELIVERED, encode_outbox(&shipped)),
            (EVENT_BEFORE_SHIPPED, encode_outbox(&confirmed)),
            (EVENT_BEFORE_CANCELED, AttributeValue::Null(true)),
        ]);
        let expected = [(EVENT_BEFORE_SHIPPED, confirmed), (EVENT_BEFORE_DELIVERED, shipped)]
            .map(|(attribute, event)| SupersededEvent { attribute, event });
        assert_eq!(decode_superseded(&item).unwrap(), expected);
        let invalid = self::item([(EVENT_BEFORE_SHIPPED, text("none"))]);
        let error = decode_superseded(&invalid).unwrap_err().to_string();
        assert_eq!(error, "attribute EventBeforeShipped: must be a map");
    }

    #[test]
    fn an_action_that_applies_the_present_event_does_not_keep_it() {
        let (set, values) = keep_event(OrderAction::Cancel);
        assert_eq!(set, ", EventBeforeCanceled = if_not_exists(Event, :none)");
        assert_eq!(values, [(":none".into(), AttributeValue::Null(true))].into());
        assert_eq!(keep_event(OrderAction::Confirm), (String::new(), Item::new()));
    }
}
