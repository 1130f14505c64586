//! A JSON reader that collects every violation in a document instead of stopping
//! at the first.

use std::fmt;

use domain::ids::IdError;
use domain::money::MoneyError;
use domain::{Money, ShortText};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::violation::{Rule, Violation, child_pointer};

/// A body that is not a valid request.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is not JSON (RFC 8259).
    #[error("request body is not valid JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The body breaks rules. All violations are listed.
    #[error("request validation failed")]
    Invalid(Vec<Violation>),
}

/// Parses `text` with `read`, which returns `None` after it has pushed a violation.
///
/// # Errors
/// [`BodyError`], with all violations that `read` pushed.
pub fn parse<'a, T>(
    text: &'a str,
    read: impl FnOnce(&JsonReader<'a>, &mut Vec<Violation>) -> Option<T>,
) -> Result<T, BodyError> {
    let value = serde_json::from_str(text).map_err(BodyError::NotJson)?;
    let document = JsonReader { pointer: "#".to_owned(), value };
    let mut violations = Vec::new();
    match read(&document, &mut violations) {
        Some(parsed) if violations.is_empty() => Ok(parsed),
        _ => Err(BodyError::Invalid(violations)),
    }
}

/// The JSON type of a value, determined by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JsonType {
    Object,
    Array,
    String,
    Number,
    Other,
}

impl JsonType {
    fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b'-' | b'0'..=b'9') => Self::Number,
            _ => Self::Other,
        }
    }
}

/// The members of an object in document order, including duplicates.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A value in a document and its position. Each method returns `None` and pushes a
/// [`Violation`] if the value does not have the expected type.
pub struct JsonReader<'a> {
    pointer: String,
    value: &'a RawValue,
}

impl<'a> JsonReader<'a> {
    /// Returns the values of the fields `known`, in that order; absent and null
    /// fields are `None`. `unknown_field` returns the violated rule and its
    /// description for any other field.
    pub fn object<const N: usize>(
        &self,
        known: [&str; N],
        unknown_field: impl Fn(&str) -> (Rule, &'static str),
        violations: &mut Vec<Violation>,
    ) -> Option<[Option<Self>; N]> {
        self.expect(JsonType::Object, "must be an object", violations)?;
        let Members(members) = self.decode(violations)?;
        let mut found = [const { None }; N];
        for (name, value) in members {
            let pointer = child_pointer(&self.pointer, &name);
            match known.iter().position(|field| *field == name) {
                None => {
                    let (rule, detail) = unknown_field(&name);
                    violations.push(Violation::new(pointer, rule, detail));
                }
                Some(index) if found[index].is_some() => {
                    violations.push(Violation::new(pointer, Rule::DuplicateField, "must not appear twice"));
                }
                Some(index) => found[index] = Some(Self { pointer, value }),
            }
        }
        Some(found.map(|reader| reader.filter(|reader| reader.value.get() != "null")))
    }

    /// Returns the elements of an array.
    pub fn array(&self, violations: &mut Vec<Violation>) -> Option<Vec<Self>> {
        self.expect(JsonType::Array, "must be an array", violations)?;
        let values: Vec<&'a RawValue> = self.decode(violations)?;
        let mut elements = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            elements.push(Self { pointer: self.pointer_to(&index.to_string()), value });
        }
        Some(elements)
    }

    /// Returns the text of a string.
    pub fn string(&self, violations: &mut Vec<Violation>) -> Option<String> {
        self.expect(JsonType::String, "must be a string", violations)?;
        self.decode(violations)
    }

    /// Returns the text of a number exactly as sent.
    pub fn number(&self, violations: &mut Vec<Violation>) -> Option<&'a str> {
        self.expect(JsonType::Number, "must be a number", violations)?;
        Some(self.value.get())
    }

    /// Returns the text of a number without fraction and exponent, exactly as sent.
    pub fn whole_number(&self, violations: &mut Vec<Violation>) -> Option<&'a str> {
        let text = self.number(violations)?;
        if text.contains(['.', 'e', 'E']) {
            self.reject(Rule::NotWhole, "must be a whole number without fraction or exponent", violations);
            return None;
        }
        Some(text)
    }

    /// Parses an identifier.
    pub fn id<T: TryFrom<String, Error = IdError>>(&self, violations: &mut Vec<Violation>) -> Option<T> {
        match T::try_from(self.string(violations)?) {
            Ok(id) => Some(id),
            Err(error) => {
                self.reject(Rule::Format, error.to_string(), violations);
                None
            }
        }
    }

    /// Checks that an identifier equals `expected`, the identifier in the path.
    pub fn require_id<T>(&self, expected: &T, violations: &mut Vec<Violation>)
    where
        T: TryFrom<String, Error = IdError> + PartialEq,
    {
        if self.id::<T>(violations).is_some_and(|id| id != *expected) {
            self.reject(Rule::IdDiffers, "must be the id in the path, or absent", violations);
        }
    }

    /// Parses a name, a note or another short text.
    pub fn short_text(&self, violations: &mut Vec<Violation>) -> Option<ShortText> {
        let text = ShortText::try_from(self.string(violations)?);
        text.map_err(|error| self.reject(Rule::Format, error.to_string(), violations)).ok()
    }

    /// Parses an amount of money.
    pub fn money(&self, violations: &mut Vec<Violation>) -> Option<Money> {
        let amount = self.number(violations)?.parse::<Money>();
        if let Err(error) = &amount {
            let rule = match error {
                MoneyError::NotANumber => Rule::Type,
                MoneyError::Negative => Rule::BelowMinimum,
                MoneyError::TooPrecise => Rule::TooPrecise,
                MoneyError::TooLarge => Rule::AboveMaximum,
            };
            self.reject(rule, error.to_string(), violations);
        }
        amount.ok()
    }

    /// Returns the value of the field `name`. Pushes a violation if it is absent.
    pub fn require(&self, name: &str, value: Option<Self>, violations: &mut Vec<Violation>) -> Option<Self> {
        if value.is_none() {
            violations.push(Violation::new(self.pointer_to(name), Rule::Required, "is required"));
        }
        value
    }

    /// Pushes a violation at this value.
    pub fn reject(&self, rule: Rule, detail: impl Into<String>, violations: &mut Vec<Violation>) {
        violations.push(Violation::new(self.pointer.clone(), rule, detail));
    }

    fn pointer_to(&self, name: &str) -> String {
        child_pointer(&self.pointer, name)
    }

    fn expect(&self, expected: JsonType, detail: &str, violations: &mut Vec<Violation>) -> Option<()> {
        if JsonType::of(self.value) == expected {
            return Some(());
        }
        self.reject(Rule::Type, detail, violations);
        None
    }

    /// Decodes the value. The document's syntax is valid at this point, so the only
    /// possible error is a string with an unpaired surrogate.
    fn decode<T: Deserialize<'a>>(&self, violations: &mut Vec<Violation>) -> Option<T> {
        let decoded = serde_json::from_str(self.value.get());
        if decoded.is_err() {
            self.reject(Rule::Type, "must be valid Unicode text", violations);
        }
        decoded.ok()
    }
}

/// Returns the rule and description for an unknown field.
#[must_use]
pub const fn unknown_field(_: &str) -> (Rule, &'static str) {
    (Rule::UnknownField, "unknown field")
}
