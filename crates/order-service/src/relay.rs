//! The stream relay: publishes the events that orders carry in their outbox.
//!
//! A record of the stream is done once its event is on the bus. The answer
//! names the first record that is not, and Lambda hands over everything from
//! there again. An event may thus be published twice, but never skipped.
//!
//! What can never be published would hold up its shard until Lambda gives it
//! up. Such a record is done once a notice that says so is on the bus, which
//! hands it to the dead-letter queue.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_lambda_events::dynamodb::{EventRecord, StreamRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::builders::PutEventsRequestEntryBuilder;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_support::{Backoff, Deadline, Fault};
use domain::event::SOURCE;
use domain::{EventId, EventKind, OrderId, PendingEvent, RepublishOutcome, Timestamp, UnpublishableEvent};
use futures_util::stream::{self, StreamExt as _};
use lambda_support::clock::now;
use lambda_support::{Metric, Metrics};
use tables::Item;
use tables::attribute::{EVENT, ORDER_ID};

/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const MAX_ENTRIES: usize = 10;
/// Bytes of one call to PutEvents, as EventBridge counts them:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const MAX_BYTES: usize = 256 * 1024;
/// Calls to PutEvents at a time: a full batch of the stream takes ten.
const CALLS_AT_ONCE: usize = 5;
/// EventBridge counts 14 bytes for an entry that states its time.
const TIME_BYTES: usize = 14;

/// Between tries to publish what EventBridge refused. Lambda's own retry of
/// the batch follows, so there is no need to try for long.
const BACKOFF: Backoff =
    Backoff { tries: 3, first: Duration::from_millis(100), longest: Duration::from_millis(400) };

/// Error codes by which EventBridge refuses the entry itself: no other try will
/// succeed. The others pass, or are for an operator to set right.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>
const REFUSED_FOR_GOOD: [&str; 2] = ["InvalidArgument", "MalformedDetail"];

/// `ErrorType` in metrics: the bus kept refusing, and the record is handed back.
const NOT_ACCEPTED: &str = "NotAccepted";

#[derive(Debug)]
pub(crate) struct Relay {
    /// Made when there is something to publish: a process that only serves the
    /// API starts without it.
    client: LazyLock<Client, MakeClient>,
    event_bus: String,
    metrics: Metrics,
}

type MakeClient = Box<dyn FnOnce() -> Client + Send>;

/// An event that is to be published, and where it comes from.
#[derive(Debug, Clone)]
struct Outgoing {
    /// Where its record or item stands among those of the invocation.
    position: usize,
    order_id: Option<OrderId>,
    /// What the outbox holds; a notice has none.
    pending: Option<PendingEvent>,
    entry: PutEventsRequestEntry,
}

impl Outgoing {
    /// Where an event comes from, and when the change was made that called for it.
    fn position_and_time(&self) -> Option<(usize, Timestamp)> {
        self.pending.as_ref().map(|pending| (self.position, pending.time))
    }
}

/// An event that EventBridge did not take.
#[derive(Debug)]
struct Refused {
    event: Outgoing,
    /// The error code of its entry, if the call itself was answered.
    code: Option<String>,
}

impl Refused {
    /// Whether another event has to wait for this one: it is of the same order,
    /// and this one will be tried again.
    fn comes_before(&self, event: &Outgoing) -> bool {
        let comes_again = !self.code.as_deref().is_some_and(is_for_good);
        comes_again && self.event.order_id.is_some() && self.event.order_id == event.order_id
    }
}

/// Why an event can never be published.
#[derive(Debug, thiserror::Error)]
enum Unpublishable {
    #[error(transparent)]
    BadItem(#[from] tables::BadItem),
    #[error("the order lacks what an event of type {0} tells")]
    Incomplete(EventKind),
    #[error(transparent)]
    NotJson(#[from] serde_json::Error),
    #[error("the event has {0} bytes, more than EventBridge takes")]
    TooLarge(usize),
    #[error("EventBridge refuses the event with {0}")]
    Refused(String),
}

impl Unpublishable {
    /// The kind, as a stable name.
    const fn error_type(&self) -> &'static str {
        match self {
            Self::BadItem(_) => "BadItem",
            Self::Incomplete(_) => "Incomplete",
            Self::NotJson(_) => "NotJson",
            Self::TooLarge(_) => "TooLarge",
            Self::Refused(_) => "Refused",
        }
    }
}

impl From<Unpublishable> for RepublishOutcome {
    fn from(error: Unpublishable) -> Self {
        Self::Unpublishable { error_type: error.error_type(), reason: error.to_string() }
    }
}

/// A record whose event can never be published.
#[derive(Debug)]
struct PoisonRecord {
    position: usize,
    order_id: Option<OrderId>,
    error: Unpublishable,
}

impl Relay {
    pub(crate) fn new(
        client: impl FnOnce() -> Client + Send + 'static,
        event_bus: String,
        metrics: Metrics,
    ) -> Self {
        let make: MakeClient = Box::new(client);
        Self { client: LazyLock::new(make), event_bus, metrics }
    }

    /// Publishes the events of a batch, and tells from which record on to try again.
    pub(crate) async fn publish(
        &self,
        records: Vec<EventRecord>,
        deadline: Deadline,
    ) -> DynamoDbEventResponse {
        let mut sequence_numbers = Vec::with_capacity(records.len());
        let mut outgoing = Vec::with_capacity(records.len());
        let mut poison = Vec::new();
        for (position, record) in records.into_iter().enumerate() {
            sequence_numbers.push(record.change.sequence_number.clone());
            let order_id = readable_id(&record.change);
            match self.called_for(position, record.change) {
                Ok(event) => outgoing.extend(event),
                Err(error) => poison.push(PoisonRecord { position, order_id, error }),
            }
        }
        let mut changes: Vec<_> = outgoing.iter().filter_map(Outgoing::position_and_time).collect();
        let mut failed = Vec::new();
        for Refused { event, code } in self.put_all(outgoing, deadline).await {
            let Outgoing { position, order_id, .. } = event;
            changes.retain(|(published, _)| *published != position);
            match code.filter(|code| is_for_good(code)).map(Unpublishable::Refused) {
                Some(error) => poison.push(PoisonRecord { position, order_id, error }),
                None => failed.push(position),
            }
        }
        let now = now();
        let lags: Vec<_> = changes.iter().map(|(_, time)| now.millis_since(*time)).collect();
        self.metrics.record(Metric::OutboxLag, &lags);
        self.metrics.add_failed(NOT_ACCEPTED, failed.len() as u64);
        let first_failed = failed.iter().min().copied();
        failed.extend(self.give_up(poison, first_failed, &sequence_numbers, deadline).await);
        answer(failed.into_iter().min(), sequence_numbers)
    }

    /// Says on the bus which records are given up; tells of which it could not
    /// be said. Those behind the first that failed come again: it is said then.
    async fn give_up(
        &self,
        poison: Vec<PoisonRecord>,
        first_failed: Option<usize>,
        sequence_numbers: &[Option<String>],
        deadline: Deadline,
    ) -> Vec<usize> {
        let now = poison.into_iter().filter(|one| first_failed.is_none_or(|first| one.position < first));
        let mut untold = Vec::new();
        let mut notices = Vec::new();
        for PoisonRecord { position, order_id, error } in now {
            let sequence_number = sequence_numbers[position].clone();
            let id = order_id.as_ref().map(OrderId::as_str);
            tracing::error!(orderId = id, sequenceNumber = sequence_number, %error, "unpublishable");
            self.metrics.add_failed(error.error_type(), 1);
            let (kind, reason) = (error.error_type(), error.to_string());
            let notice = UnpublishableEvent::new(order_id.clone(), sequence_number, kind, reason);
            match notice.to_json() {
                Ok(detail) => notices.push(Outgoing {
                    position,
                    order_id,
                    pending: None,
                    entry: self.entry(UnpublishableEvent::DETAIL_TYPE).detail(detail).build(),
                }),
                Err(_) => untold.push(position),
            }
        }
        untold.extend(self.put_all(notices, deadline).await.iter().map(|refused| refused.event.position));
        untold
    }

    /// Publishes the events that items carry in their outbox, whether or not
    /// they have been before; what became of each.
    pub(crate) async fn republish(&self, items: &[Item], deadline: Deadline) -> Vec<RepublishOutcome> {
        let mut outgoing = Vec::with_capacity(items.len());
        let mut outcomes = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let outcome = self.outbox(position, item).map(|event| match event {
                None => RepublishOutcome::NothingToPublish,
                Some((event_type, event)) => {
                    outgoing.push(event);
                    RepublishOutcome::Published { event_type }
                }
            });
            outcomes.push(outcome.unwrap_or_else(RepublishOutcome::from));
        }
        for Refused { event, code } in self.put_all(outgoing, deadline).await {
            outcomes[event.position] = match code.filter(|code| is_for_good(code)) {
                Some(code) => Unpublishable::Refused(code).into(),
                None => RepublishOutcome::NotAccepted,
            };
        }
        outcomes
    }

    /// The event of a record, if the change that it tells of called for one.
    fn called_for(&self, position: usize, change: StreamRecord) -> Result<Option<Outgoing>, Unpublishable> {
        let old: Item = change.old_image.into();
        let new: Item = change.new_image.into();
        // Whatever else changed: of an outbox that cannot be read, too, it is told once.
        if old.get(EVENT) == new.get(EVENT) {
            return Ok(None);
        }
        match tables::pending_event_from_item(&new)? {
            Some(pending) if !carries(&old, &pending.id) => self.outgoing(position, &new, pending).map(Some),
            _ => Ok(None),
        }
    }

    /// The event of an item, if its outbox holds one.
    fn outbox(&self, position: usize, item: &Item) -> Result<Option<(EventKind, Outgoing)>, Unpublishable> {
        let Some(pending) = tables::pending_event_from_item(item)? else {
            return Ok(None);
        };
        let kind = pending.kind;
        Ok(Some((kind, self.outgoing(position, item, pending)?)))
    }

    /// The event that an item carries in its outbox.
    fn outgoing(
        &self,
        position: usize,
        item: &Item,
        pending: PendingEvent,
    ) -> Result<Outgoing, Unpublishable> {
        let order = tables::order_from_item(item)?;
        let event = order.event(&pending).ok_or(Unpublishable::Incomplete(pending.kind))?;
        let time = DateTime::from_secs(pending.time.unix_seconds());
        let entry = self.entry(pending.kind.as_str()).time(time).detail(event.to_json()?).build();
        match size(&entry) {
            bytes if bytes > MAX_BYTES => Err(Unpublishable::TooLarge(bytes)),
            _ => Ok(Outgoing { position, order_id: Some(order.id), pending: Some(pending), entry }),
        }
    }

    fn entry(&self, detail_type: &str) -> PutEventsRequestEntryBuilder {
        let entry = PutEventsRequestEntry::builder().event_bus_name(&self.event_bus);
        entry.source(SOURCE).detail_type(detail_type)
    }

    /// Publishes events, in as many calls as that takes; tells which are not published.
    ///
    /// The calls are made at the same time, but no two with events of one order:
    /// an order's next event waits until the one before is on the bus.
    async fn put_all(&self, events: Vec<Outgoing>, deadline: Deadline) -> Vec<Refused> {
        let mut refused: Vec<Refused> = Vec::new();
        for turn in turns(events) {
            let (waiting, ready): (Vec<_>, Vec<_>) =
                turn.into_iter().partition(|event| refused.iter().any(|one| one.comes_before(event)));
            refused.extend(waiting.into_iter().map(|event| Refused { event, code: None }));
            let calls = stream::iter(chunks(ready)).map(|chunk| self.put(chunk, deadline));
            let calls = calls.buffered(CALLS_AT_ONCE);
            refused.extend(calls.concat().await);
        }
        refused
    }

    /// Publishes events that fit into one call; tells which are not published.
    async fn put(&self, mut events: Vec<Outgoing>, deadline: Deadline) -> Vec<Refused> {
        let mut for_good = Vec::new();
        let mut tried = 0;
        loop {
            let refused = self.put_once(events, deadline).await;
            let (given_up, passing): (Vec<_>, Vec<_>) =
                refused.into_iter().partition(|one| one.code.as_deref().is_some_and(is_for_good));
            for_good.extend(given_up);
            tried += 1;
            if passing.is_empty() || deadline.limit(BACKOFF.wait(tried)).await != Ok(true) {
                for_good.extend(passing);
                return for_good;
            }
            events = passing.into_iter().map(|one| one.event).collect();
        }
    }

    async fn put_once(&self, events: Vec<Outgoing>, deadline: Deadline) -> Vec<Refused> {
        let entries = events.iter().map(|event| event.entry.clone()).collect();
        let call = self.client.put_events().set_entries(Some(entries)).send();
        match deadline.limit(call).await.and_then(|output| output.map_err(Fault::of)) {
            Ok(output) => refused(events, output.entries()),
            Err(fault) => {
                tracing::warn!(error = %fault, "PutEvents failed as a whole");
                events.into_iter().map(|event| Refused { event, code: None }).collect()
            }
        }
    }
}

/// Those events that EventBridge did not take. An answer without errors says so
/// for each entry, in order; what it says nothing of is not published.
fn refused(events: Vec<Outgoing>, results: &[PutEventsResultEntry]) -> Vec<Refused> {
    let mut results = results.iter();
    let mut refused = Vec::new();
    for event in events {
        let result = results.next();
        let order_id = event.order_id.as_ref().map(OrderId::as_str);
        let event_id = event.pending.as_ref().map(|pending| pending.id.as_str());
        let correlation_id = event.pending.as_ref().map(|pending| pending.correlation_id.as_str());
        if result.is_some_and(|result| result.error_code().is_none() && result.event_id().is_some()) {
            let detail_type = event.entry.detail_type();
            tracing::info!(
                orderId = order_id,
                eventId = event_id,
                correlationId = correlation_id,
                detailType = detail_type,
                "published"
            );
        } else {
            let code = result.and_then(PutEventsResultEntry::error_code).map(str::to_owned);
            let error = code.as_deref().unwrap_or("no result");
            tracing::warn!(
                orderId = order_id,
                eventId = event_id,
                correlationId = correlation_id,
                error,
                "refused"
            );
            refused.push(Refused { event, code });
        }
    }
    refused
}

fn is_for_good(code: &str) -> bool {
    REFUSED_FOR_GOOD.contains(&code)
}

/// The id of the order that a record is about, whatever else is wrong with it.
fn readable_id(change: &StreamRecord) -> Option<OrderId> {
    let keys: Item = change.keys.clone().into();
    keys.get(ORDER_ID)?.as_s().ok()?.parse().ok()
}

/// Whether an item's outbox holds this event.
fn carries(item: &Item, id: &EventId) -> bool {
    matches!(tables::pending_event_from_item(item), Ok(Some(pending)) if pending.id == *id)
}

/// Sorts events into turns: each order's first event, then its second, and so on.
fn turns(events: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut turns: Vec<Vec<Outgoing>> = Vec::new();
    let mut taken: HashMap<OrderId, usize> = HashMap::new();
    for event in events {
        let turn = match &event.order_id {
            Some(order_id) => taken.entry(order_id.clone()).or_default(),
            None => &mut 0,
        };
        if turns.len() <= *turn {
            turns.push(Vec::new());
        }
        turns[*turn].push(event);
        *turn += 1;
    }
    turns
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
        let time = "2025-01-01T00:00:00Z".parse().unwrap();
        let pending = PendingEvent::new(&order_id, EventKind::Placed, time, (&order_id).into());
        let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type("OrderPlaced");
        let entry = entry.detail("x".repeat(detail_bytes)).build();
        Outgoing { position, order_id: Some(order_id), pending: Some(pending), entry }
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
    fn an_orders_events_take_one_turn_after_the_other() {
        let events = [0, 1, 0, 2, 1, 0].map(|order| event(order, 1));
        let orders = |turn: Vec<Outgoing>| turn.iter().map(|event| event.position).collect::<Vec<_>>();
        let turns: Vec<_> = turns(events.into()).into_iter().map(orders).collect();
        assert_eq!(turns, [vec![0, 1, 2], vec![0, 1], vec![0]]);
    }

    #[test]
    fn events_of_no_order_wait_for_nobody() {
        let notices = (0..3).map(|position| Outgoing { order_id: None, ..event(position, 1) });
        assert_eq!(turns(notices.collect()).len(), 1);
    }

    #[test]
    fn what_the_answer_does_not_say_is_published_is_not() {
        let taken = PutEventsResultEntry::builder().event_id("1").build();
        let failed = PutEventsResultEntry::builder().error_code("InternalFailure").build();
        let silent = PutEventsResultEntry::builder().build();
        let events = (0..4).map(|position| event(position, 1)).collect();
        let refused = refused(events, &[failed, taken, silent]);
        assert_eq!(refused.iter().map(|one| one.event.position).collect::<Vec<_>>(), [0, 2, 3]);
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
