//! Composition root of HelloWorldFunction.

use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_support::telemetry::init();
    run(service_fn(hello_world::handle)).await
}
