//! Error responses in the format of AWS services.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::http::Response;

const DYNAMODB: &str = "com.amazonaws.dynamodb.v20120810#";

/// An error response of an AWS service.
#[derive(Debug, Clone)]
pub struct AwsError {
    status: u16,
    body: Value,
}

impl AwsError {
    /// Returns an error with this HTTP status, type and message.
    #[must_use]
    pub fn new(status: u16, kind: &str, message: &str) -> Self {
        Self { status, body: json!({"__type": kind, "message": message}) }
    }

    /// Returns the cancellation of a DynamoDB transaction, with one reason for each item of the
    /// request, such as `None`, `TransactionConflict` or `ThrottlingError`.
    #[must_use]
    pub fn transaction_canceled(reasons: &[&str]) -> Self {
        let list = reasons.join(", ");
        let reasons: Vec<Value> = reasons.iter().map(|code| reason(code)).collect();
        let message =
            format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{list}]");
        let kind = format!("{DYNAMODB}TransactionCanceledException");
        Self {
            status: 400,
            body: json!({"__type": kind, "Message": message, "CancellationReasons": reasons}),
        }
    }

    /// Returns the error of a single-item write that conflicts with a transaction.
    #[must_use]
    pub fn transaction_conflict() -> Self {
        Self::dynamodb(400, "TransactionConflictException", "Transaction is ongoing for the item")
    }

    /// Returns the error of a transaction whose client token belongs to a running transaction.
    #[must_use]
    pub fn transaction_in_progress() -> Self {
        Self::dynamodb(400, "TransactionInProgressException", "The transaction is in progress")
    }

    /// Returns the error of a call to a throttled partition.
    #[must_use]
    pub fn throughput_exceeded() -> Self {
        let message = "The level of configured provisioned throughput for the table was exceeded";
        Self::dynamodb(400, "ProvisionedThroughputExceededException", message)
    }

    /// Returns the throttling error of DynamoDB and EventBridge.
    #[must_use]
    pub fn throttled() -> Self {
        Self::new(400, "ThrottlingException", "Rate exceeded")
    }

    /// Returns the error of an account that exceeds its request limit.
    #[must_use]
    pub fn request_limit() -> Self {
        Self::dynamodb(400, "RequestLimitExceeded", "Throughput exceeds the current limit of the account")
    }

    /// Returns an internal server error.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "InternalServerError", "Internal server error")
    }

    /// Returns the error of an unavailable service.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(503, "ServiceUnavailable", "Service is unavailable")
    }

    /// Returns the error of a caller without permission.
    #[must_use]
    pub fn access_denied() -> Self {
        Self::new(400, "AccessDeniedException", "User is not authorized to perform this action")
    }

    fn dynamodb(status: u16, name: &str, message: &str) -> Self {
        Self::new(status, &format!("{DYNAMODB}{name}"), message)
    }

    pub(crate) fn response(&self) -> Response {
        json_response(self.status, &self.body)
    }
}

fn reason(code: &str) -> Value {
    match code {
        "None" => json!({"Code": code}),
        "TransactionConflict" => json!({"Code": code, "Message": "Transaction is ongoing for the item"}),
        "ConditionalCheckFailed" => json!({"Code": code, "Message": "The conditional request failed"}),
        _ => json!({"Code": code, "Message": format!("{code} happened")}),
    }
}

pub(crate) fn json_response(status: u16, body: &Value) -> Response {
    let builder =
        hyper::Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    builder.body(Bytes::from(body.to_string())).expect("a response")
}
