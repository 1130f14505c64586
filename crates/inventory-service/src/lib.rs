//! InventoryServiceFunction: keeps the stock. It applies order events to orders and
//! stock, and serves the stock on hand.
//!
//! `event_consumer` handles one event, `queue_consumer` a batch of events. Each kind of
//! event has its module: `reservation`, `release` and `fulfillment`.

mod apply_error;
mod batch_reservation;
mod event_consumer;
mod fulfillment;
mod outcome;
mod queue_consumer;
mod release;
mod reservation;
mod routes;
mod settings;
mod store;

pub use apply_error::{ILLEGAL_TRANSITION, MALFORMED_EVENT, TOO_EARLY, UNKNOWN_VERSION};
pub use lambda::error::{BUSY, INTERNAL};
pub use settings::Settings;

use api::AuthMode;
use aws_sdk_dynamodb::Client;
use lambda::{Deadline, InvocationError, LambdaResponse, Metrics, Trigger};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::store::Store;

/// Name of the function in metrics.
pub const SERVICE: &str = "inventory-service";

/// The function. One instance serves all invocations of a process.
#[derive(Debug)]
pub struct InventoryService {
    store: Store,
    metrics: Metrics,
    auth_mode: AuthMode,
}

impl InventoryService {
    /// Creates the function.
    #[must_use]
    pub fn new(dynamodb: Client, settings: Settings, metrics: Metrics, auth_mode: AuthMode) -> Self {
        Self { store: Store::new(dynamodb, settings, metrics.clone()), metrics, auth_mode }
    }

    /// Handles a REST request, an order event from the bus, or a queue batch of order
    /// events. The response to a batch names the events that were not applied.
    ///
    /// # Errors
    /// An [`InvocationError`] for an event that was not applied: [`MALFORMED_EVENT`],
    /// [`UNKNOWN_VERSION`] and [`ILLEGAL_TRANSITION`] are permanent, [`TOO_EARLY`] and
    /// [`BUSY`] are transient, and [`INTERNAL`] is a defect. Also for any other trigger.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<LambdaResponse, InvocationError> {
        let deadline = Deadline::with_margin(event.context.deadline);
        match Trigger::parse(&event.payload)? {
            // Boxed, so that the largest future does not determine the size of all.
            Trigger::Rest(request) => {
                Ok(Box::pin(routes::respond(&self.store, self.auth_mode, &request)).await.into())
            }
            Trigger::Bus(event) => {
                Box::pin(event_consumer::consume(&self.store, &self.metrics, &event, deadline)).await?;
                Ok(LambdaResponse::None)
            }
            Trigger::Queue(messages) => {
                let response = queue_consumer::consume(&self.store, &self.metrics, messages, deadline);
                Ok(LambdaResponse::Queue(Box::pin(response).await))
            }
            other @ (Trigger::Stream(_) | Trigger::Republish(_)) => Err(other.unsupported()),
        }
    }
}
