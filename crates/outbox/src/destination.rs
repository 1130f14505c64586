//! The place where a relay publishes its events.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_eventbridge::types::builders::PutEventsRequestEntryBuilder;

/// A bus, and the names that events from one table have on it.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) event_bus: String,
    /// `source` of the events.
    pub(crate) source: &'static str,
    /// Detail-type of a report about an event that can never be published.
    pub(crate) report_type: &'static str,
}

impl Destination {
    /// Starts an entry of a PutEvents call.
    pub(crate) fn entry(&self, detail_type: &str) -> PutEventsRequestEntryBuilder {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.event_bus)
            .source(self.source)
            .detail_type(detail_type)
    }
}
