//! The configuration that every AWS client of a function shares.

use std::env;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;

use crate::environment::{MissingVariable, required};

/// The roots that certificates of AWS endpoints chain up to:
/// <https://www.amazontrust.com/repository/>. Loading these five instead of
/// all of the system's saves most of what a cold start spends.
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("amazon-trust-services.pem");

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// Reads region, endpoint and credentials from the environment that Lambda
/// sets: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
/// There is no chain of providers and no profile to look into, so neither is
/// linked, searched or waited for.
///
/// `TLS_ROOTS=system` trusts the system's root certificates instead of the
/// Amazon Trust Services roots, for an endpoint with a certificate from
/// somebody else.
///
/// # Errors
/// If region or credentials are missing, or the TLS settings cannot be put together.
pub fn config() -> Result<SdkConfig, BoxError> {
    let system_roots = env::var("TLS_ROOTS").is_ok_and(|roots| roots == "system");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(system_roots)?)
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials()?))
        .retry_config(retries())
        .timeout_config(timeouts());
    config.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()));
    Ok(config.build())
}

/// Those of the function's role. They last as long as the process: Lambda starts
/// another one before they expire.
fn credentials() -> Result<Credentials, MissingVariable> {
    let (key_id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(key_id, secret, env::var("AWS_SESSION_TOKEN").ok(), None, "environment"))
}

fn http_client(system_roots: bool) -> Result<SharedHttpClient, BoxError> {
    let roots = if system_roots {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES)
    };
    let context = TlsContext::builder().with_trust_store(roots).build()?;
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    Ok(builder.tls_context(context).build_https())
}

/// Three attempts in all, with full jitter between them.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(FIRST_BACKOFF).with_max_backoff(LONGEST_BACKOFF)
}

/// Well within the 29 seconds that API Gateway waits for an answer.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_trust_stores_make_a_client() {
        assert!(http_client(false).is_ok());
        assert!(http_client(true).is_ok());
    }

    #[test]
    fn the_roots_are_the_five_that_aws_publishes() {
        let pem = std::str::from_utf8(AMAZON_TRUST_SERVICES).unwrap();
        assert_eq!(pem.matches("-----BEGIN CERTIFICATE-----").count(), 5);
    }
}
