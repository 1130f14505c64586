//! Violations: the fields of a request that break a rule.

use serde::Serialize;

/// A rule that a field can break. Its name is a stable code for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A required field is missing.
    Required,
    /// The value has the wrong JSON type.
    Type,
    /// The field is not part of the request.
    UnknownField,
    /// The field appears twice.
    DuplicateField,
    /// The field is a price. Prices come from the catalog.
    PriceNotAccepted,
    /// The text has invalid characters, an invalid length or an unknown value.
    Format,
    /// The number has a fraction.
    NotWhole,
    /// The number is below the minimum.
    BelowMinimum,
    /// The number is above the maximum.
    AboveMaximum,
    /// The number is out of range.
    Range,
    /// The amount has more than two decimal places.
    TooPrecise,
    /// The amount does not match the total at catalog prices.
    TotalDiffers,
    /// The list is empty.
    Empty,
    /// The list has too many entries.
    TooMany,
    /// The customer does not exist.
    UnknownCustomer,
    /// The product does not exist.
    UnknownProduct,
    /// The page token does not belong to this list.
    InvalidToken,
    /// The id does not match the id in the path.
    IdDiffers,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 18] = [
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
        Self::IdDiffers,
    ];
}

/// A broken rule and its location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Location: a JSON Pointer into the body as a URI fragment (RFC 6901,
    /// section 6), or the name of a header or query parameter.
    pub pointer: String,
    /// Broken rule.
    pub rule: Rule,
    /// Description of the rule.
    pub detail: String,
}

impl Violation {
    /// Maximum number of violations in a response.
    pub const MAX_LISTED: usize = 100;

    /// Creates a violation of `rule` at `pointer`.
    pub fn new(pointer: impl Into<String>, rule: Rule, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), rule, detail: detail.into() }
    }
}

/// Appends a member name to a JSON Pointer in fragment form.
pub(crate) fn child_pointer(pointer: &str, name: &str) -> String {
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
    fn escapes_special_characters_in_a_pointer() {
        assert_eq!(child_pointer("#", "items"), "#/items");
        assert_eq!(child_pointer("#/items", "0"), "#/items/0");
        assert_eq!(child_pointer("#", "a/b~c"), "#/a~1b~0c");
        assert_eq!(child_pointer("#", "a b%é\""), "#/a%20b%25%C3%A9%22");
    }

    #[test]
    fn lists_every_rule() {
        // The error message of serde lists all valid names.
        let error = serde_json::from_str::<Rule>(r#""none""#).unwrap_err().to_string();
        let (_, names) = error.split_once("expected one of ").unwrap();
        let listed = Rule::ALL.map(|rule| serde_json::to_string(&rule).unwrap().replace('"', "`"));
        assert!(names.starts_with(&listed.join(", ")), "{names}");
        assert_eq!(names.matches('`').count(), 2 * listed.len(), "{names}");
    }

    #[test]
    fn serializes_rules_in_kebab_case() {
        let violation = Violation::new("#/x", Rule::PriceNotAccepted, "no");
        assert_eq!(
            serde_json::to_string(&violation).unwrap(),
            r##"{"pointer":"#/x","rule":"price-not-accepted","detail":"no"}"##
        );
    }
}
