//! Errors as AWS services write them.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::http::Response;

const DYNAMODB: &str = "com.amazonaws.dynamodb.v20120810#";

/// An error to answer a call with.
#[derive(Debug, Clone)]
pub struct AwsError {
    status: u16,
    body: Value,
}

impl AwsError {
    /// An error by HTTP status, type and message.
    #[must_use]
    pub fn new(status: u16, kind: &str, message: &str) -> Self {
        Self { status, body: json!({"__type": kind, "message": message}) }
    }

    /// DynamoDB gave up a transaction, for one reason per item in the order of
    /// the request: `None`, `TransactionConflict`, `ThrottlingError` and so on.
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

    /// A write of one item met a transaction on it.
    #[must_use]
    pub fn transaction_conflict() -> Self {
        Self::dynamodb(400, "TransactionConflictException", "Transaction is ongoing for the item")
    }

    /// The transaction with this token is still running.
    #[must_use]
    pub fn transaction_in_progress() -> Self {
        Self::dynamodb(400, "TransactionInProgressException", "The transaction is in progress")
    }

    /// A partition is too hot.
    #[must_use]
    pub fn throughput_exceeded() -> Self {
        let message = "The level of configured provisioned throughput for the table was exceeded";
        Self::dynamodb(400, "ProvisionedThroughputExceededException", message)
    }

    /// DynamoDB or EventBridge takes no more requests for now.
    #[must_use]
    pub fn throttled() -> Self {
        Self::new(400, "ThrottlingException", "Rate exceeded")
    }

    /// The account makes too many requests.
    #[must_use]
    pub fn request_limit() -> Self {
        Self::dynamodb(400, "RequestLimitExceeded", "Throughput exceeds the current limit of the account")
    }

    /// The service broke.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "InternalServerError", "Internal server error")
    }

    /// The service is away.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(503, "ServiceUnavailable", "Service is unavailable")
    }

    /// The caller may not do this.
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
