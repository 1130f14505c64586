//! Errors of an invocation, as Lambda reports them.

use std::fmt;

use aws::ServiceError;
use lambda_runtime::Diagnostic;

/// `errorType`: contention or throttling outlasted the retries. Transient.
pub const BUSY: &str = "Busy";
/// `errorType`: a defect of the function or of the stored data.
pub const INTERNAL: &str = "Internal";

/// A failed invocation. Lambda retries an asynchronous invocation and then sends the
/// event, with `error_type` and message, to the on-failure destination:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationError {
    /// Kind of error, a stable name for alarms and tools.
    pub error_type: &'static str,
    /// Description.
    pub message: String,
}

impl InvocationError {
    /// Creates an error of a kind.
    pub fn new(error_type: &'static str, message: impl Into<String>) -> Self {
        Self { error_type, message: message.into() }
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl std::error::Error for InvocationError {}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self { error_type: error.error_type.to_owned(), error_message: error.message }
    }
}

/// Returns the `errorType` of an invocation that fails with `error`.
#[must_use]
pub const fn error_type(error: &ServiceError) -> &'static str {
    match error {
        ServiceError::Conflict(_) | ServiceError::Transient(_) => BUSY,
        ServiceError::Permanent(_) => INTERNAL,
    }
}

impl From<ServiceError> for InvocationError {
    fn from(error: ServiceError) -> Self {
        Self::new(error_type(&error), error.to_string())
    }
}
