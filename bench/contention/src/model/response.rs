//! Responses of DynamoDB.

use serde_json::json;

/// The HTTP status and the JSON body of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoDbResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl DynamoDbResponse {
    /// Returns true if the request succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == 200
    }

    /// Converts the engine's result.
    pub(super) fn from_engine(result: dynoxide::Result<String>) -> Self {
        match result {
            Ok(body) => Self { status: 200, body },
            Err(error) => Self { status: error.status_code(), body: error.to_json() },
        }
    }

    /// Returns an error of this name.
    pub(super) fn error(name: &str, message: &str) -> Self {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{name}");
        Self { status: 400, body: json!({"__type": kind, "message": message}).to_string() }
    }

    /// Returns the error of a canceled transaction, with a code for each action.
    pub(super) fn transaction_canceled(codes: &[&str]) -> Self {
        let list = codes.join(", ");
        let reasons: Vec<_> = codes.iter().map(|code| json!({"Code": code})).collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{list}]"),
            "CancellationReasons": reasons,
        });
        Self { status: 400, body: body.to_string() }
    }
}
