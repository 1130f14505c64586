//! OrderServiceFunction: serves the routes of orders, customers and products, and relays the
//! events of orders from the table's stream to the bus.

mod change_status;
mod list_orders_to_ship;
mod manage_customers;
mod manage_products;
mod place_order;
mod random;
mod revised_records;
mod routes;
mod settings;
mod show_orders;
mod show_products;
mod store;

pub use settings::Settings;

use std::collections::BTreeSet;

use api::AuthMode;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_eventbridge::Client as EventBridge;
use domain::{OrderId, TraceParent};
use lambda::{Deadline, InvocationError, LambdaResponse, Metrics, RepublishRequest, Trigger};
use lambda_runtime::LambdaEvent;
use outbox::OrderRelay;
use serde_json::value::RawValue;

use crate::routes::Api;
use crate::store::Store;

/// Name of the function in metrics.
pub const SERVICE: &str = "order-service";

/// The function. One instance serves all invocations of a process.
#[derive(Debug)]
pub struct OrderService {
    api: Api,
    relay: OrderRelay,
}

impl OrderService {
    /// Creates the function. `eventbridge` runs when there is a first event to publish.
    pub fn new(
        dynamodb: DynamoDb,
        eventbridge: impl FnOnce() -> EventBridge + Send + 'static,
        settings: Settings,
        metrics: Metrics,
        auth_mode: AuthMode,
    ) -> Self {
        let relay = OrderRelay::new(eventbridge, settings.event_bus.clone(), metrics.clone());
        Self { api: Api::new(Store::new(dynamodb, settings), metrics, auth_mode), relay }
    }

    /// Handles a REST request, a batch of the Orders table's stream, or an operator's
    /// request to republish events.
    ///
    /// # Errors
    /// An [`InvocationError`] for any other trigger, and for an operator request that
    /// breaks a rule or whose orders cannot be read. A failed REST request returns a
    /// problem; a record that was not published is named in the response.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<LambdaResponse, InvocationError> {
        let response = self.respond(event).await;
        self.api.metrics.flush();
        response
    }

    async fn respond(&self, event: LambdaEvent<Box<RawValue>>) -> Result<LambdaResponse, InvocationError> {
        let deadline = Deadline::with_margin(event.context.deadline);
        match Trigger::parse(&event.payload)? {
            // Boxed, so that the largest future does not determine the size of all.
            Trigger::Rest(mut request) => {
                request.traceparent = event.context.xray_trace_id.as_deref().and_then(TraceParent::from_xray);
                Ok(Box::pin(self.api.respond(&request, deadline.of_request())).await.into())
            }
            Trigger::Stream(batch) => {
                Ok(LambdaResponse::Stream(Box::pin(self.relay.publish(batch.records, deadline)).await))
            }
            Trigger::Republish(RepublishRequest::Orders(ids)) => {
                Box::pin(self.republish(&ids, deadline)).await
            }
            other @ (Trigger::Bus(_) | Trigger::Queue(_) | Trigger::Republish(_)) => Err(other.unsupported()),
        }
    }

    async fn republish(
        &self,
        orders: &BTreeSet<OrderId>,
        deadline: Deadline,
    ) -> Result<LambdaResponse, InvocationError> {
        let ids: Vec<_> = orders.iter().collect();
        let items = self.api.store.batch_get_orders(&ids).await?;
        Ok(LambdaResponse::Republish(self.relay.republish(orders, &items, deadline).await))
    }
}
