//! What is wrong with a request, field by field.

use serde::Serialize;

/// The rule that a field breaks; a stable code that clients may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The field is missing.
    Required,
    /// The value is of another JSON type.
    Type,
    /// The field is not part of the request.
    UnknownField,
    /// The field is there twice.
    DuplicateField,
    /// Prices come from the catalogue, never from a client.
    PriceNotAccepted,
    /// The identifier has characters or a length that no identifier has.
    Format,
    /// The number has a fraction.
    NotWhole,
    /// The number is too small.
    BelowMinimum,
    /// The number is too large.
    AboveMaximum,
    /// The number is outside of the range.
    Range,
    /// The amount has more than two decimal places.
    TooPrecise,
    /// The amount is not what the catalogue's prices come to.
    TotalDiffers,
    /// The list is empty.
    Empty,
    /// The list has too many entries.
    TooMany,
    /// There is no such customer.
    UnknownCustomer,
    /// There is no such product.
    UnknownProduct,
    /// The token was not made by this API for this list.
    InvalidToken,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 17] = [
        Self::Required,
        Self::Type,
        Self::UnknownField,
        Self::DuplicateField,
        Self::PriceNotAccepted,
        Self::Format,
        Self::NotWhole,
        Self::BelowMinimum,
        Self::AboveMaximum,
        Self::Range,
        Self::TooPrecise,
        Self::TotalDiffers,
        Self::Empty,
        Self::TooMany,
        Self::UnknownCustomer,
        Self::UnknownProduct,
        Self::InvalidToken,
    ];
}

/// One broken rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where: a JSON Pointer as URI fragment (RFC 6901, section 6) into the
    /// body, or the name of a header or query parameter.
    pub pointer: String,
    /// The rule.
    pub rule: Rule,
    /// The rule in words.
    pub detail: String,
}

impl Violation {
    /// The most violations that one answer lists.
    pub const MAX_LISTED: usize = 100;

    /// A broken `rule` at `pointer`.
    pub fn new(pointer: impl Into<String>, rule: Rule, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), rule, detail: detail.into() }
    }
}

/// Appends a member's name to a JSON Pointer in fragment form.
pub(crate) fn child(pointer: &str, name: &str) -> String {
    let mut path = format!("{pointer}/");
    for byte in name.bytes() {
        match byte {
            b'~' => path.push_str("~0"),
            b'/' => path.push_str("~1"),
            _ if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_what_is_special_in_it() {
        assert_eq!(child("#", "items"), "#/items");
        assert_eq!(child("#/items", "0"), "#/items/0");
        assert_eq!(child("#", "a/b~c"), "#/a~1b~0c");
        assert_eq!(child("#", "a b%é\""), "#/a%20b%25%C3%A9%22");
    }

    #[test]
    fn no_rule_is_left_out_of_the_list() {
        // What serde says of a name that is none lists those that are.
        let error = serde_json::from_str::<Rule>(r#""none""#).unwrap_err().to_string();
        let (_, names) = error.split_once("expected one of ").unwrap();
        let listed = Rule::ALL.map(|rule| serde_json::to_string(&rule).unwrap().replace('"', "`"));
        assert!(names.starts_with(&listed.join(", ")), "{names}");
        assert_eq!(names.matches('`').count(), 2 * listed.len(), "{names}");
    }

    #[test]
    fn a_rule_is_written_in_kebab_case() {
        let violation = Violation::new("#/x", Rule::PriceNotAccepted, "no");
        assert_eq!(
            serde_json::to_string(&violation).unwrap(),
            r##"{"pointer":"#/x","rule":"price-not-accepted","detail":"no"}"##
        );
    }
}
