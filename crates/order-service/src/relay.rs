//! The stream relay: publishes the events that orders carry in their outbox.
//!
//! A record of the stream is done once its event is on the bus. The answer
//! names the first record that is not, and Lambda hands over everything from
//! there again. An event may thus be published twice, but never skipped.

use std::time::Duration;

use aws_lambda_events::dynamodb::{EventRecord, StreamRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_support::{Backoff, Fault};
use domain::event::SOURCE;
use domain::{EventId, OrderId, PendingEvent};
use tables::Item;

/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const MAX_ENTRIES: usize = 10;
/// Bytes of one call to PutEvents, as EventBridge counts them:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const MAX_BYTES: usize = 256 * 1024;
/// EventBridge counts 14 bytes for an entry that states its time.
const TIME_BYTES: usize = 14;

/// Between tries to publish what EventBridge refused. Lambda's own retry of
/// the batch follows, so there is no need to try for long.
const BACKOFF: Backoff =
    Backoff { tries: 3, first: Duration::from_millis(100), longest: Duration::from_millis(400) };

#[derive(Debug)]
pub(crate) struct Relay {
    client: Client,
    event_bus: String,
}

/// An event that is to be published, and the record that carries it.
#[derive(Debug, Clone)]
struct Outgoing {
    /// Where the record stands in the batch.
    position: usize,
    order_id: OrderId,
    event_id: EventId,
    entry: PutEventsRequestEntry,
}

/// Why the event of a record cannot become an entry.
#[derive(Debug, thiserror::Error)]
enum Unpublishable {
    #[error(transparent)]
    BadItem(#[from] tables::BadItem),
    #[error("the order lacks what an event of type {0} tells")]
    Incomplete(domain::EventKind),
    #[error(transparent)]
    NotJson(#[from] serde_json::Error),
    #[error("the event has {0} bytes, more than EventBridge takes")]
    TooLarge(usize),
}

impl Relay {
    pub(crate) const fn new(client: Client, event_bus: String) -> Self {
        Self { client, event_bus }
    }

    /// Publishes the events of a batch, and tells from which record on to try again.
    pub(crate) async fn publish(&self, records: Vec<EventRecord>) -> DynamoDbEventResponse {
        let mut sequence_numbers = Vec::with_capacity(records.len());
        let mut outgoing = Vec::with_capacity(records.len());
        let mut failed = Vec::new();
        for (position, record) in records.into_iter().enumerate() {
            sequence_numbers.push(record.change.sequence_number.clone());
            match self.outgoing(position, record.change) {
                Ok(event) => outgoing.extend(event),
                Err(error) => {
                    tracing::error!(%error, sequenceNumber = ?sequence_numbers[position], "unpublishable");
                    failed.push(position);
                }
            }
        }
        for chunk in chunks(outgoing) {
            failed.extend(self.put(chunk).await.iter().map(|event| event.position));
        }
        answer(failed.into_iter().min(), sequence_numbers)
    }

    /// The event of a record, if the change that it tells of called for one.
    fn outgoing(&self, position: usize, change: StreamRecord) -> Result<Option<Outgoing>, Unpublishable> {
        let old: Item = change.old_image.into();
        let new: Item = change.new_image.into();
        let pending = tables::pending_event_from_item(&new)?;
        let Some(pending) = pending.filter(|pending| !carries(&old, &pending.id)) else {
            return Ok(None);
        };
        let order = tables::order_from_item(&new)?;
        let event = order.event(&pending).ok_or(Unpublishable::Incomplete(pending.kind))?;
        let entry = self.entry(&pending, event.to_json()?);
        match size(&entry) {
            bytes if bytes > MAX_BYTES => Err(Unpublishable::TooLarge(bytes)),
            _ => Ok(Some(Outgoing { position, order_id: order.id, event_id: pending.id, entry })),
        }
    }

    fn entry(&self, pending: &PendingEvent, detail: String) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.event_bus)
            .source(SOURCE)
            .detail_type(pending.kind.as_str())
            .time(DateTime::from_secs(pending.time.unix_seconds()))
            .detail(detail)
            .build()
    }

    /// Publishes events that fit into one call; tells which are not published.
    async fn put(&self, mut events: Vec<Outgoing>) -> Vec<Outgoing> {
        let mut tried = 0;
        loop {
            events = self.put_once(events).await;
            tried += 1;
            if events.is_empty() || !BACKOFF.wait(tried).await {
                return events;
            }
        }
    }

    async fn put_once(&self, events: Vec<Outgoing>) -> Vec<Outgoing> {
        let entries = events.iter().map(|event| event.entry.clone()).collect();
        let output = self.client.put_events().set_entries(Some(entries)).send().await;
        match output.map_err(Fault::of) {
            Ok(output) => refused(events, output.entries()),
            Err(fault) => {
                tracing::warn!(error = %fault, "PutEvents failed as a whole");
                events
            }
        }
    }
}

/// Those events that EventBridge did not take. An answer without errors says so
/// for each entry, in order; what it says nothing of is not published.
fn refused(events: Vec<Outgoing>, results: &[PutEventsResultEntry]) -> Vec<Outgoing> {
    let mut results = results.iter();
    let mut refused = Vec::new();
    for event in events {
        let result = results.next();
        if result.is_some_and(|result| result.error_code().is_none() && result.event_id().is_some()) {
            tracing::info!(orderId = %event.order_id, eventId = %event.event_id, "published");
        } else {
            let error = result.and_then(PutEventsResultEntry::error_code).unwrap_or("no result");
            tracing::warn!(orderId = %event.order_id, eventId = %event.event_id, error, "refused");
            refused.push(event);
        }
    }
    refused
}

/// Whether an item's outbox holds this event.
fn carries(item: &Item, id: &EventId) -> bool {
    matches!(tables::pending_event_from_item(item), Ok(Some(pending)) if pending.id == *id)
}

/// Cuts events into groups of which each fits into one call.
fn chunks(events: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut chunks: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let size = size(&event.entry);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < MAX_ENTRIES && bytes + size <= MAX_BYTES => {
                bytes += size;
                chunk.push(event);
            }
            _ => {
                bytes = size;
                chunks.push(vec![event]);
            }
        }
    }
    chunks
}

/// The size of an entry as EventBridge counts it, in bytes.
fn size(entry: &PutEventsRequestEntry) -> usize {
    let texts = [entry.source(), entry.detail_type(), entry.detail()];
    TIME_BYTES + texts.into_iter().flatten().map(str::len).sum::<usize>()
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
fn answer(first_failed: Option<usize>, mut sequence_numbers: Vec<Option<String>>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures.extend(first_failed.map(|position| {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence_numbers.swap_remove(position);
        failure
    }));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(position: usize, detail_bytes: usize) -> Outgoing {
        let order_id: OrderId = format!("order-{position}").parse().unwrap();
        let event_id = EventId::of(&order_id, domain::EventKind::Placed);
        let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type("OrderPlaced");
        let entry = entry.detail("x".repeat(detail_bytes)).build();
        Outgoing { position, order_id, event_id, entry }
    }

    fn cut(sizes: &[usize]) -> Vec<Vec<usize>> {
        let events = sizes.iter().enumerate().map(|(position, size)| event(position, *size)).collect();
        let positions = |chunk: Vec<Outgoing>| chunk.iter().map(|event| event.position).collect();
        chunks(events).into_iter().map(positions).collect()
    }

    #[test]
    fn a_call_carries_at_most_ten_entries() {
        assert_eq!(cut(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(cut(&[1; 11]), [(0..10).collect::<Vec<_>>(), vec![10]]);
    }

    #[test]
    fn a_call_stays_within_the_size_that_eventbridge_takes() {
        let frame = size(&event(0, 0).entry);
        assert_eq!(frame, 14 + "ecommerce.order".len() + "OrderPlaced".len());
        let half = MAX_BYTES / 2 - frame;
        assert_eq!(cut(&[half, half]), [vec![0, 1]]);
        assert_eq!(cut(&[half, half + 1]), [vec![0], vec![1]]);
        assert_eq!(cut(&[half, half, 1]), [vec![0, 1], vec![2]]);
    }

    #[test]
    fn what_the_answer_does_not_say_is_published_is_not() {
        let taken = PutEventsResultEntry::builder().event_id("1").build();
        let failed = PutEventsResultEntry::builder().error_code("InternalFailure").build();
        let silent = PutEventsResultEntry::builder().build();
        let events = (0..4).map(|position| event(position, 1)).collect();
        let refused = refused(events, &[failed, taken, silent]);
        assert_eq!(refused.iter().map(|event| event.position).collect::<Vec<_>>(), [0, 2, 3]);
    }

    #[test]
    fn the_first_record_that_failed_is_where_to_begin_again() {
        let numbers = || vec![Some("100".to_owned()), Some("200".to_owned())];
        assert!(answer(None, numbers()).batch_item_failures.is_empty());
        let failures = answer(Some(1), numbers()).batch_item_failures;
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].item_identifier.as_deref(), Some("200"));
    }
}
