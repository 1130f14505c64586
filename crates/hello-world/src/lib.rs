//! `GET /hello`: the smallest function there can be, to see that a deployment works.

use lambda_runtime::LambdaEvent;
use lambda_support::{Access, Answer, Failure, Problem, Request, Response, Trigger};
use serde_json::value::RawValue;

/// Greets whoever may ask over the API.
///
/// # Errors
/// A [`Failure`] for an invocation that is not a REST request.
pub async fn handle(access: Access, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Failure> {
    match Trigger::parse(&event.payload)? {
        Trigger::Rest(request) => Ok(request.answer_with(greet(access, &request)).await.into()),
        other => Err(other.unsupported()),
    }
}

async fn greet(access: Access, request: &Request) -> Result<Response, Problem> {
    access.caller(request)?;
    Ok(Response::ok(&serde_json::json!({"message": "hello world"})))
}
