//! Errors as Lambda sees them.

use std::fmt;

use lambda_runtime::Diagnostic;

/// `errorType`: contention or throttling outlasted our own retries. Passes.
pub const BUSY: &str = "Busy";
/// `errorType`: what is stored, or the function, is at fault.
pub const INTERNAL: &str = "Internal";

/// An invocation that failed. Lambda retries an asynchronous one and then hands
/// the event, with `error_type` and message, to the on-failure destination:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of error, as a stable name that alarms and tools may act on.
    pub error_type: &'static str,
    /// What happened, in words.
    pub message: String,
}

impl Failure {
    /// A failure of a kind, with the reason.
    pub fn new(error_type: &'static str, message: impl Into<String>) -> Self {
        Self { error_type, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: failure.error_type.to_owned(), error_message: failure.message }
    }
}
