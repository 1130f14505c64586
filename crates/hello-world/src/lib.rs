//! `GET /hello`: the smallest function there can be, to see that a deployment works.

use lambda_runtime::LambdaEvent;
use lambda_support::{Answer, Failure, Response, Trigger};
use serde_json::value::RawValue;

/// Greets whoever asks over the API.
///
/// # Errors
/// A [`Failure`] for an invocation that is not a REST request.
pub async fn handle(event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Failure> {
    match Trigger::parse(&event.payload)? {
        Trigger::Rest(_) => Ok(Response::ok(&serde_json::json!({"message": "hello world"})).into()),
        other => Err(other.unsupported()),
    }
}
