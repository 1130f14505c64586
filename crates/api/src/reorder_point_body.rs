//! The body of `PATCH /inventory/{productId}`.

use domain::StockLevel;

use crate::json_reader::{self, BodyError, JsonReader, unknown_field};
use crate::violation::{Rule, Violation};

/// Parses a body such as `{"reorderPoint":20}`. Returns `None` for 0, which removes the
/// reorder point.
///
/// # Errors
/// [`BodyError`], with all violations.
pub fn parse(body: &str) -> Result<Option<u64>, BodyError> {
    let units = json_reader::parse(body, read_reorder_point)?;
    Ok((units > 0).then_some(units))
}

fn read_reorder_point(document: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<u64> {
    let [value] = document.object(["reorderPoint"], unknown_field, violations)?;
    let value = document.require("reorderPoint", value, violations)?;
    let text = value.whole_number(violations)?;
    if text.starts_with('-') {
        value.reject(Rule::BelowMinimum, "must be at least 0", violations);
        return None;
    }
    // The text is a whole number of any length, and not negative.
    let units = text.parse().ok().filter(|units| *units <= StockLevel::MAX_REORDER_POINT);
    if units.is_none() {
        let detail = format!("must be at most {}", StockLevel::MAX_REORDER_POINT);
        value.reject(Rule::AboveMaximum, detail, violations);
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_0_to_a_million_units() {
        for (units, reorder_point) in [(0, None), (1, Some(1)), (1_000_000, Some(1_000_000))] {
            assert_eq!(parse(&format!(r#"{{"reorderPoint":{units}}}"#)).unwrap(), reorder_point);
        }
    }

    #[test]
    fn reports_each_broken_rule() {
        for (body, pointer, rule) in [
            ("7", "#", Rule::Type),
            ("{}", "#/reorderPoint", Rule::Required),
            (r#"{"reorderPoint":null}"#, "#/reorderPoint", Rule::Required),
            (r#"{"reorderPoint":-1}"#, "#/reorderPoint", Rule::BelowMinimum),
            (r#"{"reorderPoint":1000001}"#, "#/reorderPoint", Rule::AboveMaximum),
            (r#"{"reorderPoint":18446744073709551617}"#, "#/reorderPoint", Rule::AboveMaximum),
            (r#"{"reorderPoint":1.5}"#, "#/reorderPoint", Rule::NotWhole),
            (r#"{"reorderPoint":1e2}"#, "#/reorderPoint", Rule::NotWhole),
            (r#"{"reorderPoint":"1"}"#, "#/reorderPoint", Rule::Type),
            (r#"{"reorderPoint":1,"quantity":2}"#, "#/quantity", Rule::UnknownField),
        ] {
            match parse(body) {
                Err(BodyError::Invalid(violations)) => {
                    let [violation] = violations.try_into().unwrap();
                    assert_eq!((violation.pointer.as_str(), violation.rule), (pointer, rule), "{body}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }
}
