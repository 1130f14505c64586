//! Composition root of InventoryServiceFunction.

use api::AuthMode;
use inventory_service::{InventoryService, SERVICE, Settings};
use lambda::Metrics;
use lambda::metrics::LogLines;
use lambda_runtime::{Error, run, service_fn};
use mimalloc::MiMalloc;

/// Saves a sixth of the instructions of a warm invocation: see docs/performance.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let (settings, auth_mode) = (Settings::from_env()?, AuthMode::from_env()?);
    let metrics = Metrics::new(aws::require_env("METRICS_NAMESPACE")?, SERVICE, LogLines);
    let config = aws::client::config()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sqs_config = config.clone();
    let eventbridge = move || aws_sdk_eventbridge::Client::new(&config);
    let sqs = move || aws_sdk_sqs::Client::new(&sqs_config);
    let service = InventoryService::new(dynamodb, eventbridge, sqs, settings, metrics, auth_mode);
    run(service_fn(|event| service.handle(event))).await
}
