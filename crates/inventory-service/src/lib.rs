//! InventoryServiceFunction: keeps the stock. It applies order events to orders and
//! stock, adds goods that a warehouse has received, serves and adjusts the stock on hand, and
//! relays the events of stock items from the table's stream to the bus.
//!
//! `event_consumer` handles one event from the bus, and sends it to a queue if it meets contention
//! or an outage. `queue_consumer` handles a batch of the queue, and `redelivery` its failures.
//! `inbound_event` decodes both. Each kind of order event has its module: `reservation`, `release`
//! and `fulfillment`. `routes` dispatches requests to their use cases.

mod acknowledgment;
mod adjust_stock;
mod apply_error;
mod batch_reservation;
mod contention;
mod create_adjustment;
mod event_consumer;
mod event_queue;
mod fulfillment;
mod inbound_event;
mod outcome;
mod path_parameters;
mod queue_consumer;
mod redelivery;
mod release;
mod reorder_point;
mod reservation;
mod routes;
mod settings;
mod show_adjustments;
mod show_stock;
mod store;
mod unreadable_items;

pub use apply_error::{
    ILLEGAL_TRANSITION, MALFORMED_EVENT, RECEIPT_REUSED, TOO_EARLY, UNKNOWN_PRODUCT, UNKNOWN_VERSION,
};
pub use lambda::error::{BUSY, INTERNAL};
pub use settings::{Settings, SettingsError};

use std::collections::BTreeSet;
use std::sync::OnceLock;

use api::AuthMode;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_eventbridge::Client as EventBridge;
use aws_sdk_sqs::Client as Sqs;
use domain::ProductId;
use lambda::{Deadline, InvocationError, LambdaResponse, Metrics, RepublishRequest, Trigger};
use lambda_runtime::LambdaEvent;
use outbox::StockRelay;
use serde_json::value::RawValue;

use crate::event_consumer::EventConsumer;
use crate::event_queue::EventQueue;
use crate::store::Store;

/// Name of the function in metrics.
pub const SERVICE: &str = "inventory-service";

/// The function. One instance serves all invocations of a process.
#[derive(Debug)]
pub struct InventoryService {
    store: Store,
    /// Created for the first event from the bus.
    first_try_store: OnceLock<Store>,
    queue: EventQueue,
    relay: StockRelay,
    metrics: Metrics,
    auth_mode: AuthMode,
}

impl InventoryService {
    /// Creates the function. `eventbridge` runs when there is a first event to publish, and `sqs`
    /// when there is a first event to send to a queue.
    pub fn new(
        dynamodb: DynamoDb,
        eventbridge: impl FnOnce() -> EventBridge + Send + 'static,
        sqs: impl FnOnce() -> Sqs + Send + 'static,
        settings: Settings,
        metrics: Metrics,
        auth_mode: AuthMode,
    ) -> Self {
        let (event_bus, selection) = (settings.event_bus.clone(), settings.inventory_events);
        let relay = StockRelay::new(eventbridge, event_bus, selection, metrics.clone());
        let (queue_url, dead_letter_url) =
            (settings.order_event_queue_url.clone(), settings.dead_letter_queue_url.clone());
        let queue = EventQueue::new(sqs, queue_url, dead_letter_url);
        let store = Store::new(dynamodb, settings, metrics.clone());
        Self { store, first_try_store: OnceLock::new(), queue, relay, metrics, auth_mode }
    }

    /// Handles a REST request, an event of an order or a warehouse from the bus, a queue batch
    /// of such events, a batch of the Inventory table's stream, or an operator's request to
    /// republish the stock of products. The response to a batch names the messages to deliver
    /// again, or the first record that was not published.
    ///
    /// # Errors
    /// An [`InvocationError`] for an event that was neither applied nor sent to the queue: [`MALFORMED_EVENT`],
    /// [`UNKNOWN_VERSION`], [`ILLEGAL_TRANSITION`], [`RECEIPT_REUSED`] and
    /// [`UNKNOWN_PRODUCT`] are permanent, [`TOO_EARLY`] and [`BUSY`] are transient, and
    /// [`INTERNAL`] is a defect. Also for any other trigger.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<LambdaResponse, InvocationError> {
        let response = self.respond(event).await;
        self.metrics.flush();
        response
    }

    async fn respond(&self, event: LambdaEvent<Box<RawValue>>) -> Result<LambdaResponse, InvocationError> {
        let deadline = Deadline::with_margin(event.context.deadline);
        match Trigger::parse(&event.payload)? {
            // Boxed, so that the largest future does not determine the size of all.
            Trigger::Rest(request) => {
                let deadline = deadline.of_request();
                let response =
                    routes::respond(&self.store, &self.metrics, self.auth_mode, &request, deadline);
                Ok(Box::pin(response).await.into())
            }
            Trigger::Bus(envelope) => {
                let consumer = self.event_consumer(deadline);
                Box::pin(consumer.consume(&envelope, &event.payload)).await?;
                Ok(LambdaResponse::None)
            }
            Trigger::Queue(messages) => {
                let response =
                    queue_consumer::consume(&self.store, &self.queue, &self.metrics, messages, deadline);
                Ok(LambdaResponse::Queue(Box::pin(response).await))
            }
            Trigger::Stream(batch) => {
                Ok(LambdaResponse::Stream(Box::pin(self.relay.publish(batch.records, deadline)).await))
            }
            Trigger::Republish(RepublishRequest::Products(ids)) => {
                Box::pin(self.republish(&ids, deadline)).await
            }
            other @ Trigger::Republish(_) => Err(other.unsupported()),
        }
    }

    fn event_consumer(&self, deadline: Deadline) -> EventConsumer<'_> {
        let first_try = self.first_try_store.get_or_init(|| self.store.without_retries());
        EventConsumer { first_try, store: &self.store, queue: &self.queue, metrics: &self.metrics, deadline }
    }

    async fn republish(
        &self,
        products: &BTreeSet<ProductId>,
        deadline: Deadline,
    ) -> Result<LambdaResponse, InvocationError> {
        let items = self.store.stock_items(products).await?;
        Ok(LambdaResponse::Republish(self.relay.republish(products, &items, deadline).await))
    }
}
