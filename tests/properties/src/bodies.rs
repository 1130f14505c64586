//! Bodies of requests.

use api::BodyError;
use serde_json::Value;

use crate::{order_body, record_bodies, stock_bodies};

/// Reads a body of each route that has one. A valid body round-trips, and the
/// total of an order is exact.
pub fn request(data: &[u8]) -> bool {
    let Ok(body) = str::from_utf8(data) else { return false };
    let results = [
        order_body::check(body),
        record_bodies::customer(body),
        record_bodies::product(body),
        stock_bodies::adjustment(body),
        stock_bodies::reorder_point(body),
        stock_bodies::shipment(body),
    ];
    // Every body is read, also after one was accepted.
    results.map(|result| is_accepted(body, result)).contains(&true)
}

/// Checks the error of a body, if it has one.
fn is_accepted(body: &str, result: Result<(), BodyError>) -> bool {
    match result {
        Ok(()) => true,
        Err(BodyError::NotJson(_)) => {
            assert!(serde_json::from_str::<Value>(body).is_err(), "valid JSON was rejected as malformed");
            false
        }
        Err(BodyError::Invalid(violations)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "#/-._~%".contains(c);
            assert!(!violations.is_empty());
            assert!(
                violations
                    .iter()
                    .all(|violation| violation.pointer.starts_with('#')
                        && violation.pointer.chars().all(plain))
            );
            false
        }
    }
}
