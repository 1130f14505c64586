//! DynamoDB's own JSON, for what the tests hand over or take as JSON: table
//! definitions, seed data and stream records.

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::clients::{ACCESS_KEY, REGION};
use crate::engine;
use crate::http::{Client, Request};

/// Operations on tables and items.
pub(crate) const TABLES: &str = "DynamoDB_20120810";
/// Operations on streams.
pub(crate) const STREAMS: &str = "DynamoDBStreams_20120810";

#[derive(Debug, Clone)]
pub(crate) struct Wire(Client);

impl Wire {
    pub(crate) fn new() -> Self {
        Self(Client::new())
    }

    /// Calls an operation; anything but success is a failure of the test.
    pub(crate) async fn call(&self, api: &str, operation: &str, body: &Value) -> Value {
        let answer = self.0.send(request(api, operation, body)).await;
        let text = String::from_utf8_lossy(answer.body());
        assert!(answer.status().is_success(), "{operation} of {body} answered {text}");
        serde_json::from_str(&text).expect("an answer in JSON")
    }
}

/// No engine for tests checks signatures, but all of them want the headers of
/// one, and DynamoDB Local keeps apart what belongs to different access keys
/// and regions: these must be the ones that the SDK clients use.
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
