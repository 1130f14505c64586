//! DynamoDB's JSON protocol, for requests that are JSON already: table definitions, seed data and
//! stream records.

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::clients::{ACCESS_KEY, REGION};
use crate::engine;
use crate::http::{Client, Request};

/// Target prefix of operations on tables and items.
pub(crate) const TABLES: &str = "DynamoDB_20120810";
/// Target prefix of operations on streams.
pub(crate) const STREAMS: &str = "DynamoDBStreams_20120810";

/// A client of DynamoDB's JSON protocol.
#[derive(Debug, Clone)]
pub(crate) struct RawDynamoDb(Client);

impl RawDynamoDb {
    pub(crate) fn new() -> Self {
        Self(Client::new())
    }

    /// Calls an operation. Panics unless it succeeds.
    pub(crate) async fn call(&self, api: &str, operation: &str, body: &Value) -> Value {
        match self.try_call(api, operation, body).await {
            Ok(response) => response,
            Err(error) => panic!("{operation} of {body} failed: {error}"),
        }
    }

    /// Calls an operation. Returns the body of an error response as an error.
    pub(crate) async fn try_call(&self, api: &str, operation: &str, body: &Value) -> Result<Value, Value> {
        let response = self.0.send(request(api, operation, body)).await;
        let json = serde_json::from_slice(response.body()).expect("a response in JSON");
        if response.status().is_success() { Ok(json) } else { Err(json) }
    }
}

/// Returns a request with the headers of a signature.
///
/// No engine verifies the signature, but all require the headers. DynamoDB Local separates data by
/// access key and region, so both must be those of the SDK clients.
fn request(api: &str, operation: &str, body: &Value) -> Request {
    let scope = format!("{ACCESS_KEY}/20250101/{REGION}/dynamodb/aws4_request");
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature=00"
    );
    hyper::Request::post(format!("{}/", engine::endpoint()))
        .header(CONTENT_TYPE, "application/x-amz-json-1.0")
        .header("x-amz-target", format!("{api}.{operation}"))
        .header("x-amz-date", "20250101T000000Z")
        .header(AUTHORIZATION, authorization)
        .body(Bytes::from(body.to_string()))
        .expect("a request")
}
