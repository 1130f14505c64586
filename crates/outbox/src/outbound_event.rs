//! Events on their way to the bus.

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use domain::{EventMetadata, EventSubject, TraceParent, UnpublishableEvent};

use crate::destination::Destination;

/// Bytes that EventBridge counts for the time of an entry.
const TIME_BYTES: usize = 14;

/// An event to publish.
#[derive(Debug, Clone)]
pub(crate) struct OutboundEvent {
    /// Index of its stream record or item in the invocation. An event that covers many
    /// records has the index of the first.
    pub(crate) index: usize,
    /// Order or product of the event, if its id is readable. Events of one subject are
    /// published in order.
    pub(crate) subject: Option<EventSubject>,
    /// Metadata. A report about an unpublishable event has none.
    pub(crate) metadata: Option<EventMetadata>,
    pub(crate) entry: PutEventsRequestEntry,
}

/// The content of an event.
#[derive(Debug)]
pub(crate) struct EventContent {
    pub(crate) subject: EventSubject,
    pub(crate) detail_type: &'static str,
    pub(crate) detail: String,
    pub(crate) metadata: EventMetadata,
}

impl OutboundEvent {
    /// Creates an event. EventBridge accepts up to 1 MB, more than the event of an item can have:
    /// <https://aws.amazon.com/about-aws/whats-new/2026/01/amazon-eventbridge-increases-event-payload-size-256-kb-1-mb/>
    pub(crate) fn new(destination: &Destination, index: usize, content: EventContent) -> Self {
        let EventContent { subject, detail_type, detail, metadata } = content;
        let time = DateTime::from_secs(metadata.occurred_at.unix_seconds());
        let trace = metadata.traceparent.as_ref().map(TraceParent::to_xray);
        let entry = destination.entry(detail_type).time(time).detail(detail).set_trace_header(trace).build();
        Self { index, subject: Some(subject), metadata: Some(metadata), entry }
    }

    /// Creates the report that an event can never be published.
    pub(crate) fn report(
        destination: &Destination,
        index: usize,
        report: UnpublishableEvent,
    ) -> Result<Self, serde_json::Error> {
        let entry = destination.entry(destination.report_type).detail(report.to_json()?).build();
        Ok(Self { index, subject: report.subject, metadata: None, entry })
    }
}

/// Returns the size of an entry in bytes, as EventBridge counts it.
pub(crate) fn size(entry: &PutEventsRequestEntry) -> usize {
    let texts = [entry.source(), entry.detail_type(), entry.detail()];
    TIME_BYTES + texts.into_iter().flatten().map(str::len).sum::<usize>()
}
