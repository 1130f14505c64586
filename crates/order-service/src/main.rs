//! Composition root of OrderServiceFunction.

use lambda_runtime::{Error, run, service_fn};
use lambda_support::metrics::StandardOutput;
use lambda_support::{Access, Metrics};
use mimalloc::MiMalloc;
use order_service::{OrderService, SERVICE, Settings};

/// A sixth cheaper for a warm invocation than the system's: see docs/performance.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_support::telemetry::init();
    let (settings, access) = (Settings::from_env()?, Access::from_env()?);
    let metrics = Metrics::new(aws_support::required("METRICS_NAMESPACE")?, SERVICE, StandardOutput);
    let config = aws_support::client::config()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let eventbridge = move || aws_sdk_eventbridge::Client::new(&config);
    let service = OrderService::new(dynamodb, eventbridge, settings, metrics, access);
    run(service_fn(|event| service.handle(event))).await
}
