//! The stream relay: publishes the events of a batch of stream records.
//!
//! A record is done once its event is on the bus. The response names the first record
//! that is not done, and Lambda retries the batch from there. An event can be
//! published twice, but is never skipped.
//!
//! A record whose event can never be published would block its shard. Such a record
//! is done once a report about it is on the bus, which routes it to the dead-letter
//! queue.

use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_eventbridge::Client;
use domain::{EventSubject, UnpublishableEvent};
use lambda::clock::now;
use lambda::{Deadline, Metric, Metrics};

use crate::destination::Destination;
use crate::outbound_event::OutboundEvent;
use crate::publisher::{Publication, PublishedEvent, Publisher};
use crate::unpublishable::UnpublishableError;

/// `ErrorType` in metrics: the event is not on the bus yet, and Lambda retries its record.
const NOT_ACCEPTED: &str = "NotAccepted";

/// Publishes the events of one table to one event bus.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) publisher: Publisher,
    pub(crate) destination: Destination,
    metrics: Metrics,
}

/// A stream record whose event can never be published.
#[derive(Debug)]
struct PoisonRecord {
    index: usize,
    subject: Option<EventSubject>,
    error: UnpublishableError,
}

/// The events of a batch of stream records.
#[derive(Debug, Default)]
pub(crate) struct DecodedBatch {
    /// Sequence number of each record, by index.
    sequence_numbers: Vec<Option<String>>,
    pub(crate) events: Vec<OutboundEvent>,
    poison: Vec<PoisonRecord>,
}

impl DecodedBatch {
    /// Adds a record and returns its index.
    pub(crate) fn add_record(&mut self, record: &EventRecord) -> usize {
        self.sequence_numbers.push(record.change.sequence_number.clone());
        self.sequence_numbers.len() - 1
    }

    /// Marks a record as one whose event can never be published.
    pub(crate) fn add_poison(
        &mut self,
        index: usize,
        subject: Option<EventSubject>,
        error: UnpublishableError,
    ) {
        self.poison.push(PoisonRecord { index, subject, error });
    }
}

impl Relay {
    /// Creates a relay. `create_client` runs when there is a first event to publish.
    pub(crate) fn new(
        create_client: impl FnOnce() -> Client + Send + 'static,
        destination: Destination,
        metrics: Metrics,
    ) -> Self {
        Self { publisher: Publisher::new(create_client), destination, metrics }
    }

    /// Publishes the events of a batch. The response names the first record to retry.
    pub(crate) async fn publish(&self, batch: DecodedBatch, deadline: Deadline) -> DynamoDbEventResponse {
        let DecodedBatch { sequence_numbers, events, mut poison } = batch;
        let Publication { published, rejected } = self.publisher.publish(events, deadline).await;
        self.record_published(&published);
        let mut failed = Vec::new();
        for rejected in rejected {
            let index = rejected.event.index;
            match rejected.permanent_code() {
                Some(code) => {
                    let error = UnpublishableError::Rejected(code.to_owned());
                    poison.push(PoisonRecord { index, subject: rejected.event.subject, error });
                }
                None => failed.push(index),
            }
        }
        self.metrics.add_failed(NOT_ACCEPTED, failed.len() as u64);
        let first_failed = failed.iter().min().copied();
        failed.extend(self.report_unpublishable(poison, first_failed, &sequence_numbers, deadline).await);
        batch_response(failed.into_iter().min(), sequence_numbers)
    }

    /// Logs the published events, and records the time from each change to the publication.
    fn record_published(&self, published: &[PublishedEvent]) {
        let now = now();
        let metadata = published.iter().filter_map(|event| event.metadata.as_ref());
        let lags: Vec<_> = metadata.map(|metadata| now.millis_since(metadata.occurred_at)).collect();
        // First, so that the log line of an event contains them.
        self.metrics.record(Metric::OutboxLag, &lags);
        published.iter().for_each(PublishedEvent::log);
    }

    /// Publishes a report for each poison record, which the bus routes to the dead-letter
    /// queue. Returns the indices of the records without a published report. Records after
    /// the first failed one are retried, and are reported then.
    async fn report_unpublishable(
        &self,
        poison: Vec<PoisonRecord>,
        first_failed: Option<usize>,
        sequence_numbers: &[Option<String>],
        deadline: Deadline,
    ) -> Vec<usize> {
        let mut undelivered = Vec::new();
        let mut reports = Vec::new();
        for PoisonRecord { index, subject, error } in poison {
            if first_failed.is_some_and(|first| index > first) {
                continue;
            }
            let sequence_number = sequence_numbers[index].clone();
            self.metrics.add_failed(error.error_type(), 1);
            tracing::error!(
                orderId = subject.as_ref().and_then(EventSubject::order_id),
                productId = subject.as_ref().and_then(EventSubject::product_id),
                sequenceNumber = sequence_number,
                %error,
                "unpublishable"
            );
            let report =
                UnpublishableEvent::new(subject, sequence_number, error.error_type(), error.to_string());
            match OutboundEvent::report(&self.destination, index, report) {
                Ok(report) => reports.push(report),
                Err(_) => undelivered.push(index),
            }
        }
        let Publication { published, rejected } = self.publisher.publish(reports, deadline).await;
        published.iter().for_each(PublishedEvent::log);
        undelivered.extend(rejected.iter().map(|rejected| rejected.event.index));
        undelivered
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
fn batch_response(
    first_failed: Option<usize>,
    mut sequence_numbers: Vec<Option<String>>,
) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures.extend(first_failed.map(|index| {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence_numbers.swap_remove(index);
        failure
    }));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_names_the_first_failed_record() {
        let numbers = || vec![Some("100".to_owned()), Some("200".to_owned())];
        assert!(batch_response(None, numbers()).batch_item_failures.is_empty());
        let failures = batch_response(Some(1), numbers()).batch_item_failures;
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].item_identifier.as_deref(), Some("200"));
    }
}
