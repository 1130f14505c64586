//! The body of `POST /inventory/{productId}/adjustments`.

use domain::{AdjustmentReason, ShortText, StockDelta};

use crate::json_reader::{self, BodyError, JsonReader, unknown_field};
use crate::violation::{Rule, Violation};

/// An adjustment of stock as a client asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentRequest {
    /// Change of the stock on hand.
    pub delta: StockDelta,
    /// Reason for the ledger.
    pub reason: AdjustmentReason,
    /// Note for the ledger.
    pub note: Option<ShortText>,
}

/// Parses a body such as `{"delta":-2,"reason":"damaged","note":"Aisle 7"}`, where `note` is
/// optional.
///
/// # Errors
/// [`BodyError`], with all violations.
pub fn parse(body: &str) -> Result<AdjustmentRequest, BodyError> {
    json_reader::parse(body, read_request)
}

fn read_request(document: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<AdjustmentRequest> {
    let [delta, reason, note] = document.object(["delta", "reason", "note"], unknown_field, violations)?;
    // Every field is read before the first `?`, so that all violations are reported.
    let delta = document.require("delta", delta, violations).and_then(|v| read_delta(&v, violations));
    let reason = document.require("reason", reason, violations).and_then(|v| read_reason(&v, violations));
    let note = note.map(|value| value.short_text(violations));
    Some(AdjustmentRequest { delta: delta?, reason: reason?, note: note.unwrap_or_default() })
}

fn read_delta(value: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<StockDelta> {
    let text = value.whole_number(violations)?;
    let delta = text.parse::<StockDelta>();
    if let Err(error) = &delta {
        // The text is a whole number of any length.
        let rule = match text.strip_prefix('-').unwrap_or(text) {
            "0" => Rule::Range,
            _ if text.starts_with('-') => Rule::BelowMinimum,
            _ => Rule::AboveMaximum,
        };
        value.reject(rule, error.to_string(), violations);
    }
    delta.ok()
}

fn read_reason(value: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<AdjustmentReason> {
    let reason = value.string(violations)?.parse::<AdjustmentReason>();
    if reason.is_err() {
        let names = AdjustmentReason::ALL.map(AdjustmentReason::as_str).join(", ");
        value.reject(Rule::Format, format!("must be one of {names}"), violations);
    }
    reason.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(body: &str) -> Vec<(String, Rule)> {
        match parse(body) {
            Err(BodyError::Invalid(violations)) => {
                violations.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
            }
            other => panic!("{body}: {other:?}"),
        }
    }

    fn with_delta(delta: &str) -> String {
        format!(r#"{{"delta":{delta},"reason":"counted"}}"#)
    }

    fn with_note(note: &str) -> String {
        format!(r#"{{"delta":1,"reason":"counted","note":{note}}}"#)
    }

    #[test]
    fn parses_every_reason_with_and_without_a_note() {
        for reason in AdjustmentReason::ALL {
            let request = parse(&format!(r#"{{"note":"x","reason":"{reason}","delta":-2}}"#)).unwrap();
            assert_eq!((request.delta.get(), request.reason), (-2, reason));
            assert_eq!(request.note.unwrap().as_str(), "x");
        }
        assert_eq!(parse(&with_note("null")).unwrap().note, None);
        assert_eq!(parse(&with_delta("1000000")).unwrap().note, None);
        assert!(parse(&with_delta("-1000000")).is_ok());
    }

    #[test]
    fn reports_each_broken_rule() {
        let note = |length: usize| with_note(&format!("\"{}\"", "x".repeat(length)));
        assert!(parse(&note(200)).is_ok());
        for (body, pointer, rule) in [
            ("[]".into(), "#", Rule::Type),
            (r#"{"reason":"lost"}"#.into(), "#/delta", Rule::Required),
            (with_delta("null"), "#/delta", Rule::Required),
            (with_delta("0"), "#/delta", Rule::Range),
            (with_delta("-0"), "#/delta", Rule::Range),
            (with_delta("1000001"), "#/delta", Rule::AboveMaximum),
            (with_delta("-1000001"), "#/delta", Rule::BelowMinimum),
            (with_delta("99999999999999999999"), "#/delta", Rule::AboveMaximum),
            (with_delta("1.5"), "#/delta", Rule::NotWhole),
            (with_delta("1.0"), "#/delta", Rule::NotWhole),
            (with_delta("1e3"), "#/delta", Rule::NotWhole),
            (with_delta("\"1\""), "#/delta", Rule::Type),
            (r#"{"delta":1}"#.into(), "#/reason", Rule::Required),
            (r#"{"delta":1,"reason":"stolen"}"#.into(), "#/reason", Rule::Format),
            (r#"{"delta":1,"reason":"Lost"}"#.into(), "#/reason", Rule::Format),
            (r#"{"delta":1,"reason":7}"#.into(), "#/reason", Rule::Type),
            (note(0), "#/note", Rule::Format),
            (note(201), "#/note", Rule::Format),
            (with_note(r#""a\nb""#), "#/note", Rule::Format),
            (with_note(r#""a\u202eb""#), "#/note", Rule::Format),
            (with_note("7"), "#/note", Rule::Type),
            (r#"{"delta":1,"reason":"lost","quantity":1}"#.into(), "#/quantity", Rule::UnknownField),
            (r#"{"delta":1,"reason":"lost","delta":1}"#.into(), "#/delta", Rule::DuplicateField),
        ] {
            assert_eq!(violations(&body), [(pointer.to_owned(), rule)], "{body}");
        }
    }

    #[test]
    fn reports_all_violations_at_once() {
        let found = violations(r#"{"delta":0,"reason":"x","note":"","x":1}"#);
        let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["#/x", "#/delta", "#/reason", "#/note"]);
    }
}
