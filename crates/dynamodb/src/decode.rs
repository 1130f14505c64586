//! Decoding of attributes.

use std::fmt::Display;
use std::str::FromStr;

use aws::ServiceError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::value::Item;

/// An item that does not have the expected layout. This code never writes such an
/// item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute {attribute}: {problem}")]
pub struct ItemDecodeError {
    attribute: String,
    problem: String,
}

impl From<ItemDecodeError> for ServiceError {
    fn from(error: ItemDecodeError) -> Self {
        Self::Permanent(error.to_string())
    }
}

impl ItemDecodeError {
    pub(crate) fn new(attribute: &str, problem: impl Display) -> Self {
        Self { attribute: attribute.to_owned(), problem: problem.to_string() }
    }
}

/// Returns the id in the string attribute `name` of an item or of its key.
///
/// # Errors
/// [`ServiceError::Permanent`] if there is no such attribute.
pub fn id_attribute(item: &Item, name: &str) -> Result<String, ServiceError> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.cloned().ok_or_else(|| ServiceError::Permanent(format!("item without {name}")))
}

/// Parses a required string attribute.
pub(crate) fn required_text<T: FromStr<Err: Display>>(item: &Item, name: &str) -> Result<T, ItemDecodeError> {
    optional_text(item, name)?.ok_or_else(|| missing(name))
}

/// Parses an optional string attribute.
pub(crate) fn optional_text<T: FromStr<Err: Display>>(
    item: &Item,
    name: &str,
) -> Result<Option<T>, ItemDecodeError> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::S(text)) => parse(name, text).map(Some),
        Some(_) => Err(ItemDecodeError::new(name, "must be a string")),
    }
}

/// Parses a required number attribute. A number that is stored as a string is an error: conditions
/// compare it with no number.
pub(crate) fn required_number<T: FromStr<Err: Display>>(
    item: &Item,
    name: &str,
) -> Result<T, ItemDecodeError> {
    optional_number(item, name)?.ok_or_else(|| missing(name))
}

/// Parses an optional number attribute, like [`required_number`].
pub(crate) fn optional_number<T: FromStr<Err: Display>>(
    item: &Item,
    name: &str,
) -> Result<Option<T>, ItemDecodeError> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::N(number)) => parse(name, number).map(Some),
        Some(_) => Err(ItemDecodeError::new(name, "must be a number")),
    }
}

fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, ItemDecodeError> {
    text.parse().map_err(|error| ItemDecodeError::new(name, error))
}

fn missing(name: &str) -> ItemDecodeError {
    ItemDecodeError::new(name, "is missing")
}

/// Reads a boolean attribute; false if absent.
pub(crate) fn flag(item: &Item, name: &str) -> Result<bool, ItemDecodeError> {
    match item.get(name) {
        None => Ok(false),
        Some(AttributeValue::Bool(value)) => Ok(*value),
        Some(_) => Err(ItemDecodeError::new(name, "must be a boolean")),
    }
}

/// Reads an optional map.
pub(crate) fn map<'a>(item: &'a Item, name: &str) -> Result<Option<&'a Item>, ItemDecodeError> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::M(map)) => Ok(Some(map)),
        Some(_) => Err(ItemDecodeError::new(name, "must be a map")),
    }
}

/// Decodes a list of maps with `decode`; empty if absent.
pub(crate) fn list<T>(
    item: &Item,
    name: &str,
    decode: impl Fn(&Item) -> Result<T, ItemDecodeError>,
) -> Result<Vec<T>, ItemDecodeError> {
    match item.get(name) {
        None => Ok(Vec::new()),
        Some(AttributeValue::L(elements)) => {
            let elements = elements.iter().map(|element| match element {
                AttributeValue::M(map) => decode(map),
                _ => Err(ItemDecodeError::new(name, "must be a list of maps")),
            });
            elements.collect()
        }
        Some(_) => Err(ItemDecodeError::new(name, "must be a list")),
    }
}
