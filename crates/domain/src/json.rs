//! Reading a JSON object field by field, so that every fault in it is found at once.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::violation::{Rule, Violation, child};

/// The JSON type of a value, told by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    String,
    Number,
    Other,
}

fn kind_of(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        _ => Kind::Other,
    }
}

/// The members of an object as they stand in the text, doubles included.
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

/// A value of the request, where it stands, and how to read it. What cannot be
/// read is `None`, with a [`Violation`] pushed to the list.
pub(crate) struct Reader<'a> {
    pub(crate) pointer: String,
    value: &'a RawValue,
}

impl<'a> Reader<'a> {
    /// Reads a whole document.
    pub(crate) fn document(text: &'a str) -> Result<Self, serde_json::Error> {
        Ok(Self { pointer: "#".to_owned(), value: serde_json::from_str(text)? })
    }

    /// The values of the fields `known`, in that order; absent and null ones
    /// are `None`. Any other field breaks the rule that `rule_for_unknown` names.
    pub(crate) fn object<const N: usize>(
        &self,
        known: [&str; N],
        rule_for_unknown: impl Fn(&str) -> (Rule, &'static str),
        faults: &mut Vec<Violation>,
    ) -> Option<[Option<Self>; N]> {
        self.expect(Kind::Object, "an object", faults)?;
        let Members(members) = self.decode(faults)?;
        let mut found = [const { None }; N];
        for (name, value) in members {
            let pointer = child(&self.pointer, &name);
            match known.iter().position(|field| *field == name) {
                None => {
                    let (rule, detail) = rule_for_unknown(&name);
                    faults.push(Violation::new(pointer, rule, detail));
                }
                Some(n) if found[n].is_some() => {
                    faults.push(Violation::new(pointer, Rule::DuplicateField, "must not appear twice"));
                }
                Some(n) => found[n] = Some(Self { pointer, value }),
            }
        }
        Some(found.map(|reader| reader.filter(|reader| reader.value.get() != "null")))
    }

    /// The elements of an array.
    pub(crate) fn array(&self, faults: &mut Vec<Violation>) -> Option<Vec<Self>> {
        self.expect(Kind::Array, "an array", faults)?;
        let values: Vec<&'a RawValue> = self.decode(faults)?;
        let element = |(n, value)| Self { pointer: child(&self.pointer, &format!("{n}")), value };
        Some(values.into_iter().enumerate().map(element).collect())
    }

    /// The text of a string.
    pub(crate) fn string(&self, faults: &mut Vec<Violation>) -> Option<String> {
        self.expect(Kind::String, "a string", faults)?;
        self.decode(faults)
    }

    /// The text of a number, digit by digit as it was sent.
    pub(crate) fn number(&self, faults: &mut Vec<Violation>) -> Option<&'a str> {
        self.expect(Kind::Number, "a number", faults)?;
        Some(self.value.get())
    }

    /// Pushes a violation at this value.
    pub(crate) fn fault(&self, rule: Rule, detail: impl Into<String>, faults: &mut Vec<Violation>) {
        faults.push(Violation::new(self.pointer.clone(), rule, detail));
    }

    fn expect(&self, kind: Kind, name: &str, faults: &mut Vec<Violation>) -> Option<()> {
        if kind_of(self.value) == kind {
            return Some(());
        }
        self.fault(Rule::Type, format!("must be {name}"), faults);
        None
    }

    /// The syntax was checked with the document; what can still fail is a
    /// string with half of a surrogate pair.
    fn decode<T: Deserialize<'a>>(&self, faults: &mut Vec<Violation>) -> Option<T> {
        let decoded = serde_json::from_str(self.value.get());
        if decoded.is_err() {
            self.fault(Rule::Type, "must hold valid Unicode text", faults);
        }
        decoded.ok()
    }
}
