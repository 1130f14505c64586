//! Events from the bus.

use domain::{EventError, OrderEvent, StockReceived, Timestamp};

/// Reads the detail of an event of an order or a warehouse. A valid event round-trips.
pub fn event(data: &[u8]) -> bool {
    str::from_utf8(data).is_ok_and(|detail| check_event(detail) | check_stock_received(detail))
}

pub(crate) fn check_stock_received(detail: &str) -> bool {
    let Ok(event) = StockReceived::from_json(detail) else { return false };
    let text = serde_json::to_string(&event).expect("an event in JSON");
    assert_eq!(StockReceived::from_json(&text).expect("a written event is valid"), event);
    let adjustment = event.adjustment(Timestamp::MAX);
    assert!(adjustment.delta.removed_units().is_none());
    let item = dynamodb::encode_adjustment(&adjustment);
    assert_eq!(dynamodb::decode_adjustment(&item).expect("an encoded entry is valid"), adjustment);
    true
}

pub(crate) fn check_event(detail: &str) -> bool {
    match OrderEvent::from_json(detail) {
        Ok(event) => {
            assert_event_round_trips(&event);
            true
        }
        Err(EventError::UnknownVersion(version)) => {
            assert_ne!(version, domain::event::SCHEMA_VERSION);
            false
        }
        Err(EventError::Malformed(_)) => false,
    }
}

pub(crate) fn assert_event_round_trips(event: &OrderEvent) {
    let text = event.to_json().expect("an event in JSON");
    assert_eq!(&OrderEvent::from_json(&text).expect("a written event is valid"), event);
}
