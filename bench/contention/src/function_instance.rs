//! An instance of the function that applies events.

use std::sync::Arc;

use api::AuthMode;
use aws_sdk_dynamodb::Client;
use inventory_service::{InventoryService, Settings};
use lambda::Metrics;
use lambda::clock::unix_millis;
use lambda::metrics::MetricSink;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::client;
use crate::design::Design;
use crate::model::Model;
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
    pub fn start(model: &Arc<Model>, design: Design) -> Self {
        let client = client(model);
        let settings =
            Settings { orders_table: ORDERS_TABLE.to_owned(), inventory_table: INVENTORY_TABLE.to_owned() };
        let metrics = Metrics::new("contention", inventory_service::SERVICE, NullSink);
        let service = InventoryService::new(client.clone(), settings, metrics, AuthMode::Open);
        Self { design, client, service }
    }

    /// Applies the events of these orders. Returns the numbers of those that failed.
    pub async fn apply(&self, orders: &Orders, numbers: &[usize]) -> Vec<usize> {
        if self.design == Design::Batch {
            return self.apply_batch(orders, numbers).await;
        }
        let mut failed = Vec::new();
        for &number in numbers {
            if !self.apply_event(orders, number).await {
                failed.push(number);
            }
        }
        failed
    }

    async fn apply_event(&self, orders: &Orders, number: usize) -> bool {
        match self.design {
            Design::SingleItem => single_item::reserve(&self.client, orders.id(number)).await,
            _ => self.service.handle(invocation(orders.event(number))).await.is_ok(),
        }
    }

    async fn apply_batch(&self, orders: &Orders, numbers: &[usize]) -> Vec<usize> {
        let Ok(response) = self.service.handle(invocation(orders.batch(numbers))).await else {
            return numbers.to_vec();
        };
        let response = serde_json::to_value(&response).expect("a response in JSON");
        let failures = response["batchItemFailures"].as_array().expect("a response to a queue");
        let number = |failure: &Value| failure["itemIdentifier"].as_str()?.parse().ok();
        failures.iter().map(|failure| number(failure).expect("a message id")).collect()
    }
}

/// A sink that discards the function's metrics.
#[derive(Debug)]
struct NullSink;

impl MetricSink for NullSink {
    fn line(&self, _: &str) {}
}

fn invocation(payload: String) -> LambdaEvent<Box<RawValue>> {
    let mut context = Context::default();
    context.deadline = unix_millis() + TIMEOUT_MILLIS;
    LambdaEvent::new(RawValue::from_string(payload).expect("JSON"), context)
}
