//! An instance of the function that applies events.

use std::sync::Arc;

use api::AuthMode;
use aws_sdk_dynamodb::Client;
use domain::InventoryEvents;
use inventory_service::{InventoryService, Settings};
use lambda::Metrics;
use lambda::clock::unix_millis;
use lambda::metrics::{MetricBatch, MetricSink};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::{client, sqs_client};
use crate::design::Design;
use crate::event_queue::{self, EventQueue};
use crate::model::DynamoDbModel;
use crate::orders::{INVENTORY_TABLE, ORDERS_TABLE, Orders};
use crate::single_item;

/// `Timeout` of InventoryServiceFunction in `template.yaml`.
const TIMEOUT_MILLIS: u64 = 30_000;

/// An instance of the function. It handles one invocation at a time.
#[derive(Debug)]
pub struct FunctionInstance {
    design: Design,
    client: Client,
    service: InventoryService,
}

impl FunctionInstance {
    /// Starts an instance with its own SDK client.
    #[must_use]
    pub fn start(model: &Arc<DynamoDbModel>, queue: &Arc<EventQueue>, design: Design) -> Self {
        let client = client(model);
        let settings = Settings {
            orders_table: ORDERS_TABLE.to_owned(),
            inventory_table: INVENTORY_TABLE.to_owned(),
            products_table: "products".to_owned(),
            event_bus: "bus".to_owned(),
            order_event_queue_url: event_queue::URL.to_owned(),
            dead_letter_queue_url: event_queue::DEAD_LETTER_URL.to_owned(),
            inventory_events: InventoryEvents::None,
        };
        let metrics = Metrics::new("contention", inventory_service::SERVICE, NullSink);
        let eventbridge = || unreachable!("the function publishes nothing without a stream");
        let queue = Arc::clone(queue);
        let sqs = move || sqs_client(&queue);
        let service =
            InventoryService::new(client.clone(), eventbridge, sqs, settings, metrics, AuthMode::Open);
        Self { design, client, service }
    }

    /// Applies the events of these orders. Returns the indexes of those that failed.
    pub async fn apply(&self, orders: &Orders, order_indexes: &[usize]) -> Vec<usize> {
        if self.design == Design::Batch {
            return self.apply_batch(orders, order_indexes).await;
        }
        let mut failed = Vec::new();
        for &order_index in order_indexes {
            if !self.apply_event(orders, order_index).await {
                failed.push(order_index);
            }
        }
        failed
    }

    /// Applies the event of one order. Returns true on success.
    async fn apply_event(&self, orders: &Orders, order_index: usize) -> bool {
        match self.design {
            Design::SingleItem => single_item::reserve(&self.client, orders.id(order_index)).await,
            _ => self.service.handle(invocation(orders.event(order_index))).await.is_ok(),
        }
    }

    async fn apply_batch(&self, orders: &Orders, order_indexes: &[usize]) -> Vec<usize> {
        let Ok(response) = self.service.handle(invocation(orders.batch(order_indexes))).await else {
            return order_indexes.to_vec();
        };
        let response = serde_json::to_value(&response).expect("a response in JSON");
        let failures = response["batchItemFailures"].as_array().expect("a response to a queue");
        failures.iter().map(failed_order_index).collect()
    }
}

/// A sink that discards the function's metrics.
#[derive(Debug)]
struct NullSink;

impl MetricSink for NullSink {
    fn write(&self, _: MetricBatch) {}
}

/// Returns the index of the order that an entry of `batchItemFailures` names.
fn failed_order_index(failure: &Value) -> usize {
    let message_id = failure["itemIdentifier"].as_str().expect("a message id");
    message_id.parse().expect("the index of an order")
}

fn invocation(payload: String) -> LambdaEvent<Box<RawValue>> {
    let mut context = Context::default();
    context.deadline = unix_millis() + TIMEOUT_MILLIS;
    LambdaEvent::new(RawValue::from_string(payload).expect("JSON"), context)
}
