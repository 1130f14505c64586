//! Amounts in whole cents, which avoid rounding errors in sums.

use serde_json::{Number, Value};

/// Returns the cents of an amount.
pub fn to_cents(amount: f64) -> i64 {
    (amount * 100.0).round() as i64
}

/// Returns an amount as a JSON number without trailing zeros.
pub fn to_number(cents: i64) -> Value {
    if cents % 100 == 0 {
        Value::from(cents / 100)
    } else {
        Number::from_f64(cents as f64 / 100.0).map_or(Value::Null, Value::Number)
    }
}
