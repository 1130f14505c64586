//! Responses of the functions, as their callers read them.

use lambda::LambdaResponse;
use serde_json::{Map, Value};

/// A response of the API, as the client receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiResponse {
    /// The HTTP status code.
    pub status: u16,
    /// The raw body.
    pub body: String,
    headers: Map<String, Value>,
}

impl ApiResponse {
    /// Reads a function's response to an API request, as API Gateway does.
    #[must_use]
    pub fn of(response: &LambdaResponse) -> Self {
        let json = serde_json::to_value(response).expect("a response in JSON");
        assert_eq!(json["isBase64Encoded"], false, "{json} is not a response to an API request");
        let status = json["statusCode"].as_u64().and_then(|status| status.try_into().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("{json} has no status code")),
            body: json["body"].as_str().unwrap_or_default().to_owned(),
            headers: json["headers"].as_object().cloned().unwrap_or_default(),
        }
    }

    /// Parses the body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// Returns status and type of the problem (RFC 9457) in the body.
    #[must_use]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{self:?}");
        let kind =
            document["type"].as_str().and_then(|kind| kind.strip_prefix("urn:problem-type:ecommerce:"));
        (self.status, kind.unwrap_or_else(|| panic!("{self:?} has no problem type of this API")).to_owned())
    }

    /// Returns pointer and rule of each violation that the problem lists.
    #[must_use]
    pub fn violations(&self) -> Vec<(String, String)> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, name: &str| error[name].as_str().expect("text").to_owned();
        errors.iter().map(|error| (text(error, "pointer"), text(error, "rule"))).collect()
    }

    /// Iterates over the lower-case names of all headers.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(String::as_str)
    }

    /// Returns a header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.as_str()
    }
}

/// Returns the batch item failures of a response: sequence numbers of a stream's records, or
/// message ids of a queue's messages.
#[must_use]
pub fn batch_item_failures(response: &LambdaResponse) -> Vec<String> {
    let json = serde_json::to_value(response).expect("a response in JSON");
    let failures = json["batchItemFailures"].as_array();
    let failures = failures.unwrap_or_else(|| panic!("{json} is not a batch response"));
    let id = |failure: &Value| failure["itemIdentifier"].as_str().expect("an identifier").to_owned();
    failures.iter().map(id).collect()
}
