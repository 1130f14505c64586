//! The body of `PUT /customers/{customerId}`.

use domain::{Customer, CustomerId, EmailAddress};

use crate::json_reader::{self, BodyError, JsonReader, unknown_field};
use crate::violation::{Rule, Violation};

/// Parses a body such as `{"email":"alice@example.com","name":"Alice"}`. It may repeat the
/// `customerId` of the path.
///
/// # Errors
/// [`BodyError`], with all violations.
pub fn parse(body: &str, id: &CustomerId) -> Result<Customer, BodyError> {
    json_reader::parse(body, |document, violations| read_customer(document, id, violations))
}

fn read_customer(
    document: &JsonReader<'_>,
    id: &CustomerId,
    violations: &mut Vec<Violation>,
) -> Option<Customer> {
    let fields = ["customerId", "email", "name"];
    let [repeated_id, email, name] = document.object(fields, unknown_field, violations)?;
    // Every field is read before the first `?`, so that all violations are reported.
    if let Some(value) = repeated_id {
        value.require_id(id, violations);
    }
    let email = document.require("email", email, violations).and_then(|v| read_email(&v, violations));
    let name = document.require("name", name, violations).and_then(|v| v.short_text(violations));
    Some(Customer { id: id.clone(), email: email?.into(), name: name?.into() })
}

fn read_email(value: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<EmailAddress> {
    let email = EmailAddress::try_from(value.string(violations)?);
    email.map_err(|error| value.reject(Rule::Format, error.to_string(), violations)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALICE: &str = r#"{"email":"alice@example.com","name":"Alice"}"#;

    fn parse_001(body: &str) -> Result<Customer, BodyError> {
        parse(body, &"001".parse().unwrap())
    }

    fn violations(body: &str) -> Vec<(String, Rule)> {
        match parse_001(body) {
            Err(BodyError::Invalid(violations)) => {
                violations.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
            }
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn parses_a_customer_with_or_without_its_id() {
        let expected = Customer {
            id: "001".parse().unwrap(),
            email: "alice@example.com".to_owned(),
            name: "Alice".to_owned(),
        };
        for body in [
            ALICE.to_owned(),
            ALICE.replacen('{', r#"{"customerId":"001","#, 1),
            ALICE.replacen('{', r#"{"customerId":null,"#, 1),
        ] {
            assert_eq!(parse_001(&body).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn reports_each_broken_rule() {
        let with = |member: &str| ALICE.replacen('{', &format!("{{{member},"), 1);
        for (body, pointer, rule) in [
            ("[]".to_owned(), "#", Rule::Type),
            (r#"{"name":"Alice"}"#.to_owned(), "#/email", Rule::Required),
            (r#"{"email":"a@b"}"#.to_owned(), "#/name", Rule::Required),
            (r#"{"email":null,"name":"Alice"}"#.to_owned(), "#/email", Rule::Required),
            (ALICE.replace("alice@", "alice.at."), "#/email", Rule::Format),
            (ALICE.replace("\"alice@example.com\"", "1"), "#/email", Rule::Type),
            (ALICE.replace("\"Alice\"", "\"\""), "#/name", Rule::Format),
            (ALICE.replace("\"Alice\"", "{}"), "#/name", Rule::Type),
            (with(r#""customerId":"002""#), "#/customerId", Rule::IdDiffers),
            (with(r#""customerId":"a b""#), "#/customerId", Rule::Format),
            (with(r#""customerId":1"#), "#/customerId", Rule::Type),
            (with(r#""phone":"1""#), "#/phone", Rule::UnknownField),
            (with(r#""name":"Bob""#), "#/name", Rule::DuplicateField),
        ] {
            assert_eq!(violations(&body), [(pointer.to_owned(), rule)], "{body}");
        }
    }

    #[test]
    fn reports_all_violations_at_once() {
        let found = violations(r#"{"customerId":"002","email":"","name":"","x":1}"#);
        let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["#/x", "#/customerId", "#/email", "#/name"]);
    }

    proptest! {
        #[test]
        fn never_panics(body in ".{0,200}") {
            let _ = parse_001(&body);
        }
    }
}
