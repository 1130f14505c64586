//! Configuration shared by all AWS clients of a function.

use std::env;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::{Error, InterceptorContext};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::environment::{MissingVariableError, require_env};

/// Root certificates of AWS endpoints: <https://www.amazontrust.com/repository/>.
/// Loading these five instead of the system's roots removes most of the
/// initialization time.
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("amazon-trust-services.pem");

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
const BASE_RETRY_DELAY: Duration = Duration::from_millis(50);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Reads region, endpoint and credentials from the environment that Lambda
/// sets: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
/// Functions need no credential provider chain and no profile files, so neither is
/// linked or searched.
///
/// `TLS_ROOTS=system` trusts the system's root certificates instead of the Amazon
/// Trust Services roots, for an endpoint with another certificate authority.
///
/// # Errors
/// If the region or credentials are missing, or the TLS configuration is invalid.
pub fn config() -> Result<SdkConfig, BoxError> {
    let system_roots = env::var("TLS_ROOTS").is_ok_and(|roots| roots == "system");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(system_roots)?)
        .region(Region::new(require_env("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials()?))
        .retry_config(retries())
        .timeout_config(timeouts());
    config.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()));
    Ok(config.build())
}

/// Returns the credentials of the function's role. They stay valid for the life of
/// the process: Lambda replaces the process before they expire.
fn credentials() -> Result<Credentials, MissingVariableError> {
    let (key_id, secret) = (require_env("AWS_ACCESS_KEY_ID")?, require_env("AWS_SECRET_ACCESS_KEY")?);
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

/// Returns the SDK retry configuration: three attempts with full jitter.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(BASE_RETRY_DELAY).with_max_backoff(MAX_RETRY_DELAY)
}

/// Retries a call only if its connection was lost, and returns every other failure at once.
#[derive(Debug, Clone, Copy)]
pub struct LostConnectionsOnly;

impl ClassifyRetry for LostConnectionsOnly {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if !is_lost_connection(error) => RetryAction::RetryForbidden,
            // The other classifiers decide.
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "lost connections only"
    }
}

fn is_lost_connection(error: &OrchestratorError<Error>) -> bool {
    error.as_connector_error().is_some_and(|error| !error.is_timeout())
}

/// Returns the SDK timeouts. An operation ends well within the 29 seconds that API
/// Gateway waits for a response.
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
    fn creates_a_client_with_either_trust_store() {
        assert!(http_client(false).is_ok());
        assert!(http_client(true).is_ok());
    }

    #[test]
    fn bundles_the_five_roots_that_aws_publishes() {
        let pem = std::str::from_utf8(AMAZON_TRUST_SERVICES).unwrap();
        assert_eq!(pem.matches("-----BEGIN CERTIFICATE-----").count(), 5);
    }
}
