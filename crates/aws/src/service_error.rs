//! Classification of AWS SDK errors.

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A failed call to an AWS service. The call may have taken effect nevertheless,
/// so a retry must be idempotent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A transaction holds the same items, or too many requests use them. Retry.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Throttling, a timeout, a lost connection or a server error. Retry.
    #[error("unavailable: {0}")]
    Transient(String),
    /// The request or the stored data is wrong. Retries fail as well.
    #[error("{0}")]
    Permanent(String),
}

/// Codes of transient errors that are not sent with a 5xx status:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
const TRANSIENT_CODES: [&str; 9] = [
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionInProgressException",
    "UnrecognizedClientException",
];

impl<E> From<SdkError<E, Response>> for ServiceError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    fn from(error: SdkError<E, Response>) -> Self {
        let has_response = matches!(error, SdkError::ServiceError(_));
        let is_server_error =
            error.raw_response().is_some_and(|response| response.status().is_server_error());
        let is_construction = matches!(error, SdkError::ConstructionFailure(_));
        let code = error.code().unwrap_or_default().to_owned();
        let text = match error.message() {
            Some(message) if !code.is_empty() => format!("{code}: {message}"),
            _ => error_chain(&error),
        };
        match code.as_str() {
            "TransactionConflictException" => Self::Conflict(text),
            _ if is_construction => Self::Permanent(text),
            code if !has_response || is_server_error || TRANSIENT_CODES.contains(&code) => {
                Self::Transient(text)
            }
            _ => Self::Permanent(text),
        }
    }
}

/// Joins the messages of an error and its causes. The SDK's debug format is not
/// used: it contains the whole response, which may hold an item.
fn error_chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_cause_of_an_error() {
        let inner = std::io::Error::other("connection reset");
        let error = SdkError::<std::io::Error, Response>::timeout_error(std::io::Error::other(inner));
        assert_eq!(error_chain(&error), "request has timed out: connection reset");
    }
}
