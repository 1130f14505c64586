//! The relay of inventory events: publishes the crossed thresholds and the last quantity
//! of each changed stock item.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::streams::DynamoDbEventResponse;
use aws_sdk_eventbridge::Client;
use domain::inventory_event::{INVENTORY_SOURCE, coalesce};
use domain::{EventSubject, InventoryEvent, InventoryEvents, ProductId, StockChange, UnpublishableEvent};
use dynamodb::attribute::PRODUCT_ID;
use dynamodb::{Item, decode_stock};
use lambda::clock::now;
use lambda::{Deadline, Metrics, RepublishOutcome, RepublishReport, RepublishedProduct};

use crate::destination::Destination;
use crate::outbound_event::OutboundEvent;
use crate::relay::{DecodedBatch, Relay};
use crate::republish::Republication;
use crate::stock_decode::{content, decode_change, subject};
use crate::unpublishable::UnpublishableError;

/// Publishes the events of stock items to one event bus.
#[derive(Debug)]
pub struct StockRelay {
    relay: Relay,
    selection: InventoryEvents,
}

/// The changes of one product in a batch.
#[derive(Debug, Default)]
struct ProductChanges {
    /// Index of the last record that changed the quantity. A retry of InventoryUpdated starts
    /// there, so that a partly published batch becomes shorter with each retry.
    update_record: usize,
    changes: Vec<StockChange>,
}

impl StockRelay {
    /// Creates a relay of the selected events. `create_client` runs when there is a first
    /// event to publish.
    pub fn new(
        create_client: impl FnOnce() -> Client + Send + 'static,
        event_bus: String,
        selection: InventoryEvents,
        metrics: Metrics,
    ) -> Self {
        let report_type = UnpublishableEvent::INVENTORY_EVENT;
        let destination = Destination { event_bus, source: INVENTORY_SOURCE, report_type };
        Self { relay: Relay::new(create_client, destination, metrics), selection }
    }

    /// Publishes the events of a batch of the Inventory table's stream. The response names
    /// the first record to retry.
    ///
    /// Crossed thresholds are computed for each record, so that batches of other sizes give
    /// the same events. InventoryUpdated covers all records of its product in the batch
    /// and follows its other events.
    pub async fn publish(&self, records: Vec<EventRecord>, deadline: Deadline) -> DynamoDbEventResponse {
        let mut batch = DecodedBatch::default();
        let mut products: BTreeMap<ProductId, ProductChanges> = BTreeMap::new();
        for record in records {
            let index = batch.add_record(&record);
            let subject = subject(&record.change);
            match decode_change(record.change) {
                Ok(Some(change)) => {
                    self.add_events(&mut batch, index, change.threshold_events());
                    let product = products.entry(change.after.product_id.clone()).or_default();
                    if change.changes_quantity() {
                        product.update_record = index;
                    }
                    product.changes.push(change);
                }
                Ok(None) => {}
                Err(error) => batch.add_poison(index, subject, error),
            }
        }
        for ProductChanges { update_record, changes } in products.into_values() {
            self.add_events(&mut batch, update_record, coalesce(&changes));
        }
        self.relay.publish(batch, deadline).await
    }

    /// Adds the selected events of a record.
    fn add_events(
        &self,
        batch: &mut DecodedBatch,
        index: usize,
        events: impl IntoIterator<Item = InventoryEvent>,
    ) {
        for event in events.into_iter().filter(|event| self.selection.include(event.kind)) {
            let product = EventSubject::Product(event.product_id.clone());
            match self.outbound(index, event) {
                Ok(event) => batch.events.push(event),
                Err(error) => batch.add_poison(index, Some(product), error),
            }
        }
    }

    /// Publishes the selected events that report the stock of each requested product.
    /// `items` are the stored items.
    ///
    /// A record that the relay could not publish is known only by its position in the
    /// stream, which keeps it for 24 hours. The item has the state that followed.
    pub async fn republish(
        &self,
        products: &BTreeSet<ProductId>,
        items: &[Item],
        deadline: Deadline,
    ) -> RepublishReport {
        let publication = |index, item: &Item| self.publication(index, item);
        let mut outcomes = self.relay.republish(items, PRODUCT_ID, publication, deadline).await;
        let products = products.iter().map(|id| RepublishedProduct {
            product_id: id.clone(),
            outcome: outcomes.remove(id.as_str()).unwrap_or(RepublishOutcome::UnknownProduct),
        });
        RepublishReport::Products(products.collect())
    }

    fn publication(&self, index: usize, item: &Item) -> Result<Republication, UnpublishableError> {
        let mut events = InventoryEvent::of_level(&decode_stock(item)?, now());
        events.retain(|event| self.selection.include(event.kind));
        let event_types: Vec<_> = events.iter().map(|event| event.kind).collect();
        let outcome = if event_types.is_empty() {
            RepublishOutcome::NothingToPublish
        } else {
            RepublishOutcome::PublishedStock { event_types }
        };
        let events = events.into_iter().map(|event| self.outbound(index, event)).collect::<Result<_, _>>()?;
        Ok(Republication { outcome, events })
    }

    fn outbound(&self, index: usize, event: InventoryEvent) -> Result<OutboundEvent, UnpublishableError> {
        Ok(OutboundEvent::new(&self.relay.destination, index, content(event)?))
    }
}
