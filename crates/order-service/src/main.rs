//! Composition root of OrderServiceFunction.

use api::AuthMode;
use lambda::Metrics;
use lambda::metrics::LogLines;
use lambda_runtime::{Error, run, service_fn};
use mimalloc::MiMalloc;
use order_service::{OrderService, SERVICE, Settings};

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
    let eventbridge = move || aws_sdk_eventbridge::Client::new(&config);
    let service = OrderService::new(dynamodb, eventbridge, settings, metrics, auth_mode);
    run(service_fn(|event| service.handle(event))).await
}
