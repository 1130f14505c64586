//! Random bytes for identifiers.

use aws::ServiceError;

/// Returns the random part of a version 7 UUID (RFC 9562).
///
/// # Errors
/// [`ServiceError::Permanent`] if the system has no randomness.
pub(crate) fn random_bytes() -> Result<[u8; 10], ServiceError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| ServiceError::Permanent(error.to_string()))?;
    Ok(random)
}
