//! Environment variables that the template sets for a function.

use std::env;

/// A required environment variable that is missing or empty.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {0} must be set")]
pub struct MissingVariableError(&'static str);

/// Returns the value of an environment variable.
///
/// # Errors
/// [`MissingVariableError`] if it is missing or empty.
pub fn require_env(name: &'static str) -> Result<String, MissingVariableError> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(MissingVariableError(name))
}
