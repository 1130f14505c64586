//! Settings that the template passes to a function.

use std::env;

/// A function was deployed without a setting that it needs.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} must be set")]
pub struct MissingVariable(&'static str);

/// The value of an environment variable that must be there and not be empty.
///
/// # Errors
/// [`MissingVariable`].
pub fn required(name: &'static str) -> Result<String, MissingVariable> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(MissingVariable(name))
}
