//! InventoryServiceFunction: keeps the stock. It applies the events of orders
//! (`consumer`, and a module for each kind of event; `batch` for many at a time)
//! and shows what is on hand (`api`).

mod api;
mod batch;
mod consumer;
mod failure;
mod joint;
mod outcome;
mod progress;
mod release;
mod reservation;
mod settings;
mod store;
mod verdict;

pub use failure::{BUSY, ILLEGAL_TRANSITION, INTERNAL, MALFORMED_EVENT, TOO_EARLY, UNKNOWN_VERSION};
pub use settings::Settings;

use aws_sdk_dynamodb::Client;
use aws_support::Deadline;
use lambda_runtime::LambdaEvent;
use lambda_support::{Access, Answer, Failure, Metrics, Trigger};
use serde_json::value::RawValue;

use crate::store::Store;

/// The name of the function in metrics.
pub const SERVICE: &str = "inventory-service";

/// The function: one value for the life of its process.
#[derive(Debug)]
pub struct InventoryService {
    store: Store,
    metrics: Metrics,
    access: Access,
}

impl InventoryService {
    /// Puts the function together from its client and what it counts with; the
    /// API serves whom `access` says.
    #[must_use]
    pub fn new(dynamodb: Client, settings: Settings, metrics: Metrics, access: Access) -> Self {
        Self { store: Store::new(dynamodb, settings, metrics.clone()), metrics, access }
    }

    /// Serves one invocation: a REST request, an event of an order from the bus,
    /// or a queue's batch of such events, of which the answer names those that
    /// could not be applied.
    ///
    /// # Errors
    /// A [`Failure`] for an event that could not be applied, by its `error_type`:
    /// [`MALFORMED_EVENT`], [`UNKNOWN_VERSION`] and [`ILLEGAL_TRANSITION`] are
    /// permanent; [`TOO_EARLY`] and [`BUSY`] pass; [`INTERNAL`] needs somebody to
    /// look. Also for an invocation by anything else.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Failure> {
        let deadline = Deadline::before(event.context.deadline);
        match Trigger::parse(&event.payload)? {
            // Boxed, so that the futures of both paths do not weigh on each other.
            Trigger::Rest(request) => {
                Ok(Box::pin(api::answer(&self.store, self.access, &request)).await.into())
            }
            Trigger::Bus(event) => {
                Box::pin(consumer::consume(&self.store, &self.metrics, &event, deadline)).await?;
                Ok(Answer::Done)
            }
            Trigger::Queue(messages) => {
                let batch = batch::consume(&self.store, &self.metrics, messages, deadline);
                Ok(Answer::Queue(Box::pin(batch).await))
            }
            other @ (Trigger::Stream(_) | Trigger::Republish(_)) => Err(other.unsupported()),
        }
    }
}
