//! Publication of events with PutEvents.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws::RetryPolicy;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata as _;
use aws_sdk_eventbridge::types::PutEventsResultEntry;
use domain::{EventMetadata, EventSubject};
use futures_util::stream::{self, StreamExt as _};
use lambda::Deadline;
use lambda::clock::millis;

use crate::batching::{chunks, waves};
use crate::outbound_event::OutboundEvent;

/// Concurrent PutEvents calls. A full batch of the Orders stream needs ten calls.
const MAX_CONCURRENT_CALLS: usize = 5;

/// Retries of entries that EventBridge rejected. Lambda retries the batch afterwards,
/// so few attempts suffice.
const RETRY_POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    base_delay: Duration::from_millis(100),
    max_delay: Duration::from_millis(400),
};

/// Error codes that persist on retry, because EventBridge rejects the entry itself. The
/// other codes are transient or can be fixed by an operator.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>
const PERMANENT_CODES: [&str; 2] = ["InvalidArgument", "MalformedDetail"];

/// Error codes of a call that fails because of the content of one of its entries.
const INVALID_REQUEST_CODES: [&str; 2] = ["ValidationException", "ValidationError"];

type CreateClient = Box<dyn FnOnce() -> Client + Send>;

/// A client of EventBridge.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Created on first use, so that a process that only serves the API starts faster.
    client: LazyLock<Client, CreateClient>,
}

/// An event that was not published: EventBridge rejected its entry, the call failed, or
/// an earlier event of its subject was not published.
#[derive(Debug)]
pub(crate) struct RejectedEntry {
    pub(crate) event: OutboundEvent,
    /// Error code of the entry. `None` if the whole call failed, for another reason than this entry, or
    /// the event was not sent.
    pub(crate) code: Option<String>,
}

/// An event that is on the bus.
#[derive(Debug)]
pub(crate) struct PublishedEvent {
    subject: Option<EventSubject>,
    pub(crate) metadata: Option<EventMetadata>,
    detail_type: Option<String>,
    /// Duration of the call.
    duration: Duration,
}

impl PublishedEvent {
    fn new(event: OutboundEvent, duration: Duration) -> Self {
        let OutboundEvent { subject, metadata, entry, .. } = event;
        Self { subject, metadata, detail_type: entry.detail_type, duration }
    }

    /// Logs that the event is on the bus.
    pub(crate) fn log(&self) {
        let (subject, metadata) = (self.subject.as_ref(), self.metadata.as_ref());
        tracing::info!(
            orderId = subject.and_then(EventSubject::order_id),
            productId = subject.and_then(EventSubject::product_id),
            eventId = metadata.map(|metadata| metadata.event_id.as_str()),
            correlationId = metadata.map(|metadata| metadata.correlation_id.as_str()),
            detailType = self.detail_type,
            durationMs = millis(self.duration),
            "published"
        );
    }
}

/// The result for each event of a publication.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    pub(crate) published: Vec<PublishedEvent>,
    pub(crate) rejected: Vec<RejectedEntry>,
}

impl Publication {
    fn extend(&mut self, other: Self) {
        self.published.extend(other.published);
        self.rejected.extend(other.rejected);
    }
}

impl RejectedEntry {
    /// Returns true if retries of the entry fail as well.
    pub(crate) fn is_permanent(&self) -> bool {
        let is_permanent = |code| PERMANENT_CODES.contains(&code) || INVALID_REQUEST_CODES.contains(&code);
        self.code.as_deref().is_some_and(is_permanent)
    }

    /// Returns the error code if the rejection is permanent.
    pub(crate) fn permanent_code(&self) -> Option<&str> {
        self.code.as_deref().filter(|_| self.is_permanent())
    }

    /// Returns true if `event` must wait until this entry of the same subject is retried.
    fn blocks(&self, event: &OutboundEvent) -> bool {
        !self.is_permanent() && self.event.subject.is_some() && self.event.subject == event.subject
    }
}

impl Publisher {
    pub(crate) fn new(create_client: impl FnOnce() -> Client + Send + 'static) -> Self {
        let create_client: CreateClient = Box::new(create_client);
        Self { client: LazyLock::new(create_client) }
    }

    /// Publishes events with as many calls as necessary.
    ///
    /// Calls run concurrently, but an event is sent only after all earlier events of
    /// its subject are on the bus.
    pub(crate) async fn publish(&self, events: Vec<OutboundEvent>, deadline: Deadline) -> Publication {
        let mut publication = Publication::default();
        for wave in waves(events) {
            let rejected = &publication.rejected;
            let (blocked, ready): (Vec<_>, Vec<_>) =
                wave.into_iter().partition(|event| rejected.iter().any(|entry| entry.blocks(event)));
            publication.rejected.extend(blocked.into_iter().map(|event| RejectedEntry { event, code: None }));
            let calls = stream::iter(chunks(ready)).map(|chunk| self.put_with_retries(chunk, deadline));
            let results: Vec<_> = calls.buffered(MAX_CONCURRENT_CALLS).collect().await;
            results.into_iter().for_each(|result| publication.extend(result));
        }
        publication
    }

    /// Publishes events that fit into one call.
    async fn put_with_retries(&self, mut events: Vec<OutboundEvent>, deadline: Deadline) -> Publication {
        let mut publication = Publication::default();
        let mut attempts = 0;
        loop {
            let Publication { published, rejected } = self.put(events, deadline).await;
            let (permanent, retryable): (Vec<_>, Vec<_>) =
                rejected.into_iter().partition(RejectedEntry::is_permanent);
            publication.published.extend(published);
            publication.rejected.extend(permanent);
            attempts += 1;
            if retryable.is_empty() || !wait_for_retry(attempts, deadline).await {
                publication.rejected.extend(retryable);
                return publication;
            }
            events = retryable.into_iter().map(|entry| entry.event).collect();
        }
    }

    /// Makes one call. If it fails because of the content of one entry, sends each entry alone, so
    /// that the others are published. The invalid entry is rejected with the code of its call.
    async fn put(&self, events: Vec<OutboundEvent>, deadline: Deadline) -> Publication {
        let (events, code) = match self.call(events, deadline).await {
            Ok(publication) => return publication,
            Err(FailedCall { events, code: Some(_) }) if events.len() > 1 => {
                let mut publication = Publication::default();
                for event in events {
                    publication.extend(Box::pin(self.put(vec![event], deadline)).await);
                }
                return publication;
            }
            Err(FailedCall { events, code }) => (events, code),
        };
        let rejected = events.into_iter().map(|event| RejectedEntry { event, code: code.clone() });
        Publication { rejected: rejected.collect(), ..Publication::default() }
    }

    async fn call(&self, events: Vec<OutboundEvent>, deadline: Deadline) -> Result<Publication, FailedCall> {
        let entries = events.iter().map(|event| event.entry.clone()).collect();
        let (started, call) = (Instant::now(), self.client.put_events().set_entries(Some(entries)).send());
        let (code, error) = match deadline.run(call).await {
            Ok(Ok(output)) => return Ok(publication(events, output.entries(), started.elapsed())),
            Ok(Err(error)) => (error.code().map(str::to_owned), error.into()),
            Err(error) => (None, error),
        };
        tracing::warn!(%error, "PutEvents call failed");
        let code = code.filter(|code| INVALID_REQUEST_CODES.contains(&code.as_str()));
        Err(FailedCall { events, code })
    }
}

/// A call that published no event.
struct FailedCall {
    events: Vec<OutboundEvent>,
    /// Error code if the content of an entry made the call fail.
    code: Option<String>,
}

/// Waits before the next attempt. Returns false if no attempt or no time remains.
async fn wait_for_retry(attempts: u32, deadline: Deadline) -> bool {
    deadline.run(RETRY_POLICY.wait(attempts)).await.unwrap_or(false)
}

/// Returns the events that EventBridge did and did not accept. Results are in the order of the
/// entries; an event without a result is not published.
fn publication(
    events: Vec<OutboundEvent>,
    results: &[PutEventsResultEntry],
    duration: Duration,
) -> Publication {
    let mut results = results.iter();
    let mut publication = Publication::default();
    for event in events {
        let result = results.next();
        if result.is_some_and(|result| result.error_code().is_none() && result.event_id().is_some()) {
            publication.published.push(PublishedEvent::new(event, duration));
        } else {
            let code = result.and_then(PutEventsResultEntry::error_code).map(str::to_owned);
            log_rejected(&event, code.as_deref());
            publication.rejected.push(RejectedEntry { event, code });
        }
    }
    publication
}

fn log_rejected(event: &OutboundEvent, code: Option<&str>) {
    let (subject, metadata) = (event.subject.as_ref(), event.metadata.as_ref());
    tracing::warn!(
        orderId = subject.and_then(EventSubject::order_id),
        productId = subject.and_then(EventSubject::product_id),
        eventId = metadata.map(|metadata| metadata.event_id.as_str()),
        correlationId = metadata.map(|metadata| metadata.correlation_id.as_str()),
        error = code.unwrap_or("no result"),
        "rejected by EventBridge"
    );
}

#[cfg(test)]
mod tests {
    use aws_sdk_eventbridge::types::PutEventsRequestEntry;

    use super::*;

    fn event(index: usize) -> OutboundEvent {
        let entry = PutEventsRequestEntry::builder().build();
        OutboundEvent { index, subject: None, metadata: None, entry }
    }

    #[test]
    fn only_an_entry_with_an_event_id_is_published() {
        let accepted = PutEventsResultEntry::builder().event_id("1").build();
        let failed = PutEventsResultEntry::builder().error_code("InternalFailure").build();
        let empty = PutEventsResultEntry::builder().build();
        let Publication { rejected, published } =
            publication((0..4).map(event).collect(), &[failed, accepted, empty], Duration::ZERO);
        assert_eq!(published.len(), 1);
        assert_eq!(rejected.iter().map(|entry| entry.event.index).collect::<Vec<_>>(), [0, 2, 3]);
    }
}
