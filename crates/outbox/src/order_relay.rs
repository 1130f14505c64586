//! The relay of order events: publishes the outbox of each changed order.

use std::collections::BTreeSet;

use aws_lambda_events::dynamodb::{EventRecord, StreamRecord};
use aws_lambda_events::streams::DynamoDbEventResponse;
use aws_sdk_eventbridge::Client;
use domain::event::ORDER_SOURCE;
use domain::{OrderId, UnpublishableEvent};
use dynamodb::Item;
use dynamodb::attribute::ORDER_ID;
use lambda::{Deadline, Metrics, RepublishOutcome, RepublishReport, RepublishedOrder};

use crate::destination::Destination;
use crate::order_decode::{decode_item, decode_record, subject};
use crate::outbound_event::OutboundEvent;
use crate::relay::{DecodedBatch, Relay};
use crate::republish::Republication;
use crate::unpublishable::UnpublishableError;

/// Publishes the events of orders to one event bus.
#[derive(Debug)]
pub struct OrderRelay {
    relay: Relay,
}

impl OrderRelay {
    /// Creates a relay. `create_client` runs when there is a first event to publish.
    pub fn new(
        create_client: impl FnOnce() -> Client + Send + 'static,
        event_bus: String,
        metrics: Metrics,
    ) -> Self {
        let report_type = UnpublishableEvent::ORDER_EVENT;
        let destination = Destination { event_bus, source: ORDER_SOURCE, report_type };
        Self { relay: Relay::new(create_client, destination, metrics) }
    }

    /// Publishes the events of a batch of the Orders table's stream. The response names
    /// the first record to retry.
    pub async fn publish(&self, records: Vec<EventRecord>, deadline: Deadline) -> DynamoDbEventResponse {
        let mut batch = DecodedBatch::default();
        for record in records {
            let index = batch.add_record(&record);
            let subject = subject(&record.change);
            match self.event_of_record(index, record.change) {
                Ok(event) => batch.events.extend(event),
                Err(error) => batch.add_poison(index, subject, error),
            }
        }
        self.relay.publish(batch, deadline).await
    }

    fn event_of_record(
        &self,
        index: usize,
        change: StreamRecord,
    ) -> Result<Option<OutboundEvent>, UnpublishableError> {
        let Some(content) = decode_record(change)? else {
            return Ok(None);
        };
        Ok(Some(OutboundEvent::new(&self.relay.destination, index, content)))
    }

    /// Publishes the events in the outbox of each requested order, oldest first. `items` are the
    /// stored orders. A republished event keeps its id.
    ///
    /// A record that the relay could not publish is known only by its position in the
    /// stream, which keeps it for 24 hours. The order holds each event until it is applied, also
    /// after later changes.
    pub async fn republish(
        &self,
        orders: &BTreeSet<OrderId>,
        items: &[Item],
        deadline: Deadline,
    ) -> RepublishReport {
        let publication = |index, item: &Item| self.publication(index, item);
        let mut outcomes = self.relay.republish(items, ORDER_ID, publication, deadline).await;
        let orders = orders.iter().map(|id| RepublishedOrder {
            order_id: id.clone(),
            outcome: outcomes.remove(id.as_str()).unwrap_or(RepublishOutcome::UnknownOrder),
        });
        RepublishReport::Orders(orders.collect())
    }

    fn publication(&self, index: usize, item: &Item) -> Result<Republication, UnpublishableError> {
        let (kinds, contents): (Vec<_>, Vec<_>) = decode_item(item)?.into_iter().unzip();
        let outcome = match kinds.last() {
            None => RepublishOutcome::NothingToPublish,
            Some(&event_type) => RepublishOutcome::Published { event_type, event_types: kinds },
        };
        let events = contents.into_iter();
        let events = events.map(|content| OutboundEvent::new(&self.relay.destination, index, content));
        Ok(Republication { outcome, events: events.collect() })
    }
}
