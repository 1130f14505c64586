//! What went wrong between a function and an AWS service.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use lambda_support::failure::{BUSY, INTERNAL};
use lambda_support::{Failure, Problem, ProblemKind};

/// A call that did not come through. It may have taken effect all the same:
/// whoever tries again must be prepared for that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Others are at the same items: somebody's transaction, or too many at once.
    #[error("contention: {0}")]
    Contended(String),
    /// Throttled, timed out, cut off, or an error of the service: another try may succeed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The call itself is at fault, or what is stored: no other try will succeed.
    #[error("{0}")]
    Broken(String),
}

/// Codes of errors that pass, beside those that the HTTP status 5xx tells:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
const PASSING: [&str; 9] = [
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

impl Fault {
    /// Tells what kind of fault an SDK error is.
    pub fn of<E>(error: SdkError<E, Response>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let answered = matches!(error, SdkError::ServiceError(_));
        let server_error = error.raw_response().is_some_and(|answer| answer.status().is_server_error());
        let code = error.code().unwrap_or_default().to_owned();
        let construction = matches!(error, SdkError::ConstructionFailure(_));
        let text = match error.message() {
            Some(message) if !code.is_empty() => format!("{code}: {message}"),
            _ => causes(&error),
        };
        match code.as_str() {
            "TransactionConflictException" => Self::Contended(text),
            _ if construction => Self::Broken(text),
            code if !answered || server_error || PASSING.contains(&code) => Self::Unavailable(text),
            _ => Self::Broken(text),
        }
    }

    /// The `errorType` of an invocation that fails with it.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::Contended(_) | Self::Unavailable(_) => BUSY,
            Self::Broken(_) => INTERNAL,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(fault.error_type(), fault.to_string())
    }
}

/// An error and what caused it. This leaves out the SDK's detailed form, which
/// has the whole answer in it: that may hold an item, and goes into the log.
fn causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What a client may know of a fault is whether to come back; the log has the rest.
impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Contended(_) | Fault::Unavailable(_) => {
                tracing::warn!(error = %fault, "an AWS service cannot answer now");
                Self::new(ProblemKind::Busy, "the request may or may not have taken effect; repeat it")
            }
            Fault::Broken(_) => Self::internal(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_that_passes_asks_the_client_to_come_back() {
        let kind = |fault: Fault| Problem::from(fault).kind;
        assert_eq!(kind(Fault::Contended("x".into())), ProblemKind::Busy);
        assert_eq!(kind(Fault::Unavailable("x".into())), ProblemKind::Busy);
        assert_eq!(kind(Fault::Broken("x".into())), ProblemKind::Internal);
    }

    #[test]
    fn a_fault_names_every_cause_of_an_error() {
        let inner = std::io::Error::other("connection reset");
        let error = SdkError::<std::io::Error, Response>::timeout_error(std::io::Error::other(inner));
        assert_eq!(causes(&error), "request has timed out: connection reset");
    }

    #[test]
    fn a_client_learns_no_details_of_a_fault() {
        let problem = Problem::from(Fault::Broken("table Orders-1 at 10.0.0.1".into()));
        assert_eq!(problem.detail, "the error is ours and was logged");
    }
}
