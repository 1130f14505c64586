//! Events on their way to the bus.

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_eventbridge::types::builders::PutEventsRequestEntryBuilder;
use domain::event::SOURCE;
use domain::{Order, OrderId, OutboxEvent, Timestamp, UnpublishableEvent};

use crate::unpublishable::UnpublishableError;

/// Maximum size of the entries of a PutEvents call in bytes, as EventBridge counts it:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// Bytes that EventBridge counts for the time of an entry.
const TIME_BYTES: usize = 14;

/// An event to publish.
#[derive(Debug, Clone)]
pub(crate) struct OutboundEvent {
    /// Index of its stream record or item in the invocation.
    pub(crate) index: usize,
    /// Order of the event, if its id is readable.
    pub(crate) order_id: Option<OrderId>,
    /// Outbox that holds the event. A report about an unpublishable event has none.
    pub(crate) outbox: Option<OutboxEvent>,
    pub(crate) entry: PutEventsRequestEntry,
}

impl OutboundEvent {
    /// Builds the event in the outbox of an order.
    pub(crate) fn from_outbox(
        event_bus: &str,
        index: usize,
        order: Order,
        outbox: OutboxEvent,
    ) -> Result<Self, UnpublishableError> {
        let event = outbox.to_event(&order).ok_or(UnpublishableError::Incomplete(outbox.kind))?;
        let entry = entry(event_bus, outbox.kind.as_str())
            .time(DateTime::from_secs(outbox.time.unix_seconds()))
            .detail(event.to_json()?)
            .build();
        match size(&entry) {
            bytes if bytes > MAX_BYTES => Err(UnpublishableError::TooLarge(bytes)),
            _ => Ok(Self { index, order_id: Some(order.id), outbox: Some(outbox), entry }),
        }
    }

    /// Builds the report that an event can never be published.
    pub(crate) fn from_unpublishable(
        event_bus: &str,
        index: usize,
        report: UnpublishableEvent,
    ) -> Result<Self, serde_json::Error> {
        let detail = report.to_json()?;
        let entry = entry(event_bus, UnpublishableEvent::DETAIL_TYPE).detail(detail).build();
        Ok(Self { index, order_id: report.order_id, outbox: None, entry })
    }

    /// Returns the time of the change that caused the event.
    pub(crate) fn change_time(&self) -> Option<Timestamp> {
        self.outbox.as_ref().map(|outbox| outbox.time)
    }
}

fn entry(event_bus: &str, detail_type: &str) -> PutEventsRequestEntryBuilder {
    PutEventsRequestEntry::builder().event_bus_name(event_bus).source(SOURCE).detail_type(detail_type)
}

/// Returns the size of an entry in bytes, as EventBridge counts it.
pub(crate) fn size(entry: &PutEventsRequestEntry) -> usize {
    let texts = [entry.source(), entry.detail_type(), entry.detail()];
    TIME_BYTES + texts.into_iter().flatten().map(str::len).sum::<usize>()
}
