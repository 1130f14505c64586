//! Composition root of HelloWorldFunction.

use lambda_runtime::{Error, run, service_fn};
use lambda_support::Access;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_support::telemetry::init();
    let access = Access::from_env()?;
    run(service_fn(|event| hello_world::handle(access, event))).await
}
