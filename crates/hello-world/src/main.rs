//! Composition root of HelloWorldFunction.

use api::AuthMode;
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let auth_mode = AuthMode::from_env()?;
    run(service_fn(|event| hello_world::handle(auth_mode, event))).await
}
