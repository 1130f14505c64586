//! Composition root of OrderServiceFunction.

use lambda_runtime::{Error, run, service_fn};
use order_service::{OrderService, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_support::telemetry::init();
    let settings = Settings::from_env()?;
    let config = aws_support::client::config().await?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let eventbridge = aws_sdk_eventbridge::Client::new(&config);
    let service = OrderService::new(dynamodb, eventbridge, settings);
    run(service_fn(|event| service.handle(event))).await
}
