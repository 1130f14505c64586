//! SDK clients with the configuration of the functions, except for endpoint, region, credentials
//! and TLS.

use aws::client::{retries, timeouts};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_types::SdkConfig;

/// The region of all clients.
pub const REGION: &str = "us-east-1";

/// Both the access key and the secret key of all clients. No engine verifies them.
pub(crate) const ACCESS_KEY: &str = "test";

/// Returns a DynamoDB client for an endpoint.
#[must_use]
pub fn dynamodb_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&config(endpoint))
}

/// Returns a DynamoDB client without timeouts, for reads and writes of the tests themselves.
pub(crate) fn dynamodb_client_without_timeouts(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = config(endpoint).to_builder().timeout_config(TimeoutConfig::disabled()).build();
    aws_sdk_dynamodb::Client::new(&config)
}

/// Returns an EventBridge client for an endpoint.
#[must_use]
pub fn eventbridge_client(endpoint: &str) -> aws_sdk_eventbridge::Client {
    aws_sdk_eventbridge::Client::new(&config(endpoint))
}

/// Returns an SQS client for an endpoint.
pub(crate) fn sqs_client(endpoint: &str) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&config(endpoint))
}

fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries())
        .timeout_config(timeouts())
        .build()
}
