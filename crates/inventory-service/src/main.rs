//! Composition root of InventoryServiceFunction.

use inventory_service::{InventoryService, Settings};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_support::telemetry::init();
    let settings = Settings::from_env()?;
    let config = aws_support::client::config().await?;
    let service = InventoryService::new(aws_sdk_dynamodb::Client::new(&config), settings);
    run(service_fn(|event| service.handle(event))).await
}
