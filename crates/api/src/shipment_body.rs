//! The body of `POST /order/{orderId}/ship`.

use domain::Shipment;

use crate::json_reader::{self, BodyError, JsonReader, unknown_field};
use crate::violation::Violation;

/// Parses a body such as `{"carrier":"DHL","trackingNumber":"JD014600003RU"}`, where both
/// fields are optional.
///
/// # Errors
/// [`BodyError`], with all violations.
pub fn parse(body: &str) -> Result<Shipment, BodyError> {
    json_reader::parse(body, read_shipment)
}

fn read_shipment(document: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<Shipment> {
    let [carrier, number] = document.object(["carrier", "trackingNumber"], unknown_field, violations)?;
    let carrier = carrier.and_then(|value| value.short_text(violations));
    let tracking_number = number.and_then(|value| value.short_text(violations));
    Some(Shipment { carrier, tracking_number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::Rule;

    fn violations(body: &str) -> Vec<(String, Rule)> {
        match parse(body) {
            Err(BodyError::Invalid(violations)) => {
                violations.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
            }
            other => panic!("{body}: {other:?}"),
        }
    }

    fn shipment(carrier: Option<&str>, tracking_number: Option<&str>) -> Shipment {
        let text = |text: &str| text.parse().unwrap();
        Shipment { carrier: carrier.map(text), tracking_number: tracking_number.map(text) }
    }

    #[test]
    fn parses_either_field_both_or_none() {
        let both = r#"{"trackingNumber":"JD01 4600","carrier":"DHL"}"#;
        assert_eq!(parse(both).unwrap(), shipment(Some("DHL"), Some("JD01 4600")));
        assert_eq!(parse(r#"{"carrier":"DHL","trackingNumber":null}"#).unwrap(), shipment(Some("DHL"), None));
        assert_eq!(parse(" {} ").unwrap(), Shipment::default());
        let longest = format!(r#"{{"carrier":"{}"}}"#, "é".repeat(200));
        assert_eq!(parse(&longest).unwrap(), shipment(Some(&"é".repeat(200)), None));
    }

    #[test]
    fn reports_all_violations_at_once() {
        let body = r#"{"carrier":"","trackingNumber":"a\u202eb","weight":1}"#;
        let expected = [
            ("#/weight", Rule::UnknownField),
            ("#/carrier", Rule::Format),
            ("#/trackingNumber", Rule::Format),
        ];
        assert_eq!(violations(body), expected.map(|(pointer, rule)| (pointer.to_owned(), rule)));
    }

    #[test]
    fn reports_each_broken_rule() {
        for (body, pointer, rule) in [
            ("[]".into(), "#", Rule::Type),
            ("null".into(), "#", Rule::Type),
            (r#"{"carrier":7}"#.into(), "#/carrier", Rule::Type),
            (r#"{"carrier":{"name":"DHL"}}"#.into(), "#/carrier", Rule::Type),
            (r#"{"carrier":"\ud800"}"#.into(), "#/carrier", Rule::Type),
            (r#"{"carrier":"a","carrier":"b"}"#.into(), "#/carrier", Rule::DuplicateField),
            (format!(r#"{{"trackingNumber":"{}"}}"#, "1".repeat(201)), "#/trackingNumber", Rule::Format),
            (r#"{"trackingNumber":" 1"}"#.into(), "#/trackingNumber", Rule::Format),
            (r#"{"trackingNumber":"1\n2"}"#.into(), "#/trackingNumber", Rule::Format),
        ] {
            assert_eq!(violations(&body), [(pointer.to_owned(), rule)], "{body}");
        }
        assert!(matches!(parse("{"), Err(BodyError::NotJson(_))));
    }
}
