//! SDK clients, configured as in the functions, but for endpoint, region,
//! credentials and TLS.

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_support::client::{retries, timeouts};
use aws_types::SdkConfig;

/// The region that everything claims to be in.
pub const REGION: &str = "us-east-1";

/// Access key and secret in one: nobody checks them.
pub(crate) const ACCESS_KEY: &str = "test";

/// A DynamoDB client for an endpoint.
#[must_use]
pub fn dynamodb_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&config(endpoint))
}

/// A DynamoDB client for what the tests themselves read and write, which waits
/// for its answer however busy the machine is.
pub(crate) fn patient_dynamodb_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = config(endpoint).to_builder().timeout_config(TimeoutConfig::disabled()).build();
    aws_sdk_dynamodb::Client::new(&config)
}

/// An EventBridge client for an endpoint.
#[must_use]
pub fn eventbridge_client(endpoint: &str) -> aws_sdk_eventbridge::Client {
    aws_sdk_eventbridge::Client::new(&config(endpoint))
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
