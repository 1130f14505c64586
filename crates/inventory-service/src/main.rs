//! Composition root of InventoryServiceFunction.

use inventory_service::{InventoryService, SERVICE, Settings};
use lambda_runtime::{Error, run, service_fn};
use lambda_support::metrics::StandardOutput;
use lambda_support::{Access, Metrics};
use mimalloc::MiMalloc;

/// A sixth cheaper for a warm invocation than the system's: see docs/performance.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_support::telemetry::init();
    let (settings, access) = (Settings::from_env()?, Access::from_env()?);
    let metrics = Metrics::new(aws_support::required("METRICS_NAMESPACE")?, SERVICE, StandardOutput);
    let config = aws_support::client::config()?;
    let service = InventoryService::new(aws_sdk_dynamodb::Client::new(&config), settings, metrics, access);
    run(service_fn(|event| service.handle(event))).await
}
