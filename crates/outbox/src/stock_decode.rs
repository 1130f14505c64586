//! Decoding of the changes of stock items in stream records.

use aws_lambda_events::dynamodb::StreamRecord;
use domain::{EventSubject, InventoryEvent, StockChange, Timestamp};
use dynamodb::attribute::{PRODUCT_ID, REVISION};
use dynamodb::{Item, decode_stock};

use crate::outbound_event::EventContent;
use crate::unpublishable::UnpublishableError;

/// Returns the change of a stock item that a record describes.
///
/// Every write of a stock item sets its revision. An item without one is another kind of
/// item, or a deleted one.
pub(crate) fn decode_change(change: StreamRecord) -> Result<Option<StockChange>, UnpublishableError> {
    let old: Item = change.old_image.into();
    let new: Item = change.new_image.into();
    if !new.contains_key(REVISION) {
        return Ok(None);
    }
    let before = decode_stock(&old);
    match decode_stock(&new) {
        Ok(after) => {
            let millis = change.approximate_creation_date_time.timestamp_millis();
            let time = Timestamp::from_unix_millis(u64::try_from(millis).unwrap_or_default());
            Ok(Some(StockChange { before: before.ok(), after, time: time.unwrap_or(Timestamp::MAX) }))
        }
        // The change that made the item unreadable was reported.
        Err(error) if before.as_ref() == Err(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the content of an inventory event.
pub(crate) fn content(event: InventoryEvent) -> Result<EventContent, UnpublishableError> {
    Ok(EventContent {
        detail_type: event.kind.as_str(),
        detail: event.to_json()?,
        subject: EventSubject::Product(event.product_id),
        metadata: event.metadata,
    })
}

/// Returns the product in the key of a stream record, even if its images are unreadable.
pub(crate) fn subject(change: &StreamRecord) -> Option<EventSubject> {
    let keys: Item = change.keys.clone().into();
    keys.get(PRODUCT_ID)?.as_s().ok()?.parse().ok().map(EventSubject::Product)
}
