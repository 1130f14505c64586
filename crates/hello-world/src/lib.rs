//! `GET /hello`: the smallest function, to check that a deployment works.

use api::{AuthMode, Problem, Request, Response};
use lambda::{InvocationError, LambdaResponse, Trigger};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

/// Greets an authorized caller of the API.
///
/// # Errors
/// An [`InvocationError`] for an invocation that is not a REST request.
pub async fn handle(
    auth_mode: AuthMode,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<LambdaResponse, InvocationError> {
    match Trigger::parse(&event.payload)? {
        Trigger::Rest(request) => Ok(request.respond(greet(auth_mode, &request)).await.into()),
        other => Err(other.unsupported()),
    }
}

async fn greet(auth_mode: AuthMode, request: &Request) -> Result<Response, Problem> {
    auth_mode.authenticate(request)?;
    Ok(Response::ok(&serde_json::json!({"message": "hello world"})))
}
