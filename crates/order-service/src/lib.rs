//! OrderServiceFunction: takes orders and stores each with the event that it
//! calls for (`api`), publishes those events from the table's stream (`relay`),
//! and again from the orders themselves when an operator asks for it (`republish`).

mod api;
mod relay;
mod republish;
mod settings;
mod store;

pub use settings::Settings;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_eventbridge::Client as EventBridge;
use aws_support::Deadline;
use lambda_runtime::LambdaEvent;
use lambda_support::{Access, Answer, Failure, Metrics, Trigger};
use serde_json::value::RawValue;

use crate::api::Api;
use crate::relay::Relay;
use crate::store::Store;

/// The name of the function in metrics.
pub const SERVICE: &str = "order-service";

/// The function: one value for the life of its process.
#[derive(Debug)]
pub struct OrderService {
    api: Api,
    relay: Relay,
}

impl OrderService {
    /// Puts the function together from its clients and what it counts with; the
    /// API serves whom `access` says. The client of EventBridge is made once
    /// there is something to publish.
    pub fn new(
        dynamodb: DynamoDb,
        eventbridge: impl FnOnce() -> EventBridge + Send + 'static,
        settings: Settings,
        metrics: Metrics,
        access: Access,
    ) -> Self {
        let relay = Relay::new(eventbridge, settings.event_bus.clone(), metrics.clone());
        Self { api: Api::new(Store::new(dynamodb, settings), metrics, access), relay }
    }

    /// Serves one invocation: a REST request, a batch of the stream of the Orders
    /// table, or an operator's request to publish events again.
    ///
    /// # Errors
    /// A [`Failure`] for an invocation by anything else, and for an operator's
    /// request that breaks a rule or whose orders cannot be read. A REST request
    /// that goes wrong is answered with a problem, and a record that could not
    /// be published with its sequence number.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Failure> {
        let deadline = Deadline::before(event.context.deadline);
        match Trigger::parse(&event.payload)? {
            // Boxed, so that the futures of both paths do not weigh on each other.
            Trigger::Rest(request) => Ok(Box::pin(self.api.answer(&request)).await.into()),
            Trigger::Stream(batch) => {
                Ok(Answer::Stream(Box::pin(self.relay.publish(batch.records, deadline)).await))
            }
            Trigger::Republish(request) => {
                let report = republish::republish(self.api.store(), &self.relay, &request, deadline);
                Ok(Answer::Republish(Box::pin(report).await?))
            }
            other @ (Trigger::Bus(_) | Trigger::Queue(_)) => Err(other.unsupported()),
        }
    }
}
