//! The `Idempotency-Key` header, which makes retries of a request safe.
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use domain::IdempotencyKey;

use crate::problem::{Problem, ProblemKind};
use crate::request::Request;
use crate::violation::{Rule, Violation};

/// Name of the header.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Returns the key of a request, if it has one.
///
/// # Errors
/// A [`Violation`] if the key is malformed.
pub fn optional(request: &Request) -> Result<Option<IdempotencyKey>, Vec<Violation>> {
    let key = request.header(IDEMPOTENCY_KEY).map(|text| text.parse()).transpose();
    key.map_err(|error: domain::ids::IdError| {
        vec![Violation::new(IDEMPOTENCY_KEY, Rule::Format, error.to_string())]
    })
}

/// Returns the key of a request.
///
/// # Errors
/// A [`Violation`] if the key is missing or malformed.
pub fn required(request: &Request) -> Result<IdempotencyKey, Vec<Violation>> {
    let missing = || vec![Violation::new(IDEMPOTENCY_KEY, Rule::Required, "is required")];
    optional(request)?.ok_or_else(missing)
}

/// Returns the problem of a key that was used for a different request.
#[must_use]
pub fn reused() -> Problem {
    let detail = "this idempotency key was used for a different request; use a new key";
    Problem::new(ProblemKind::IdempotencyKeyReused, detail)
}
