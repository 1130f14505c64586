//! Reading attributes out of an item.

use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::Item;

/// An item that does not have the layout it should have. Nothing here writes
/// such an item, so somebody else did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute {attribute}: {problem}")]
pub struct BadItem {
    attribute: String,
    problem: String,
}

impl BadItem {
    pub(crate) fn new(attribute: &str, problem: impl Display) -> Self {
        Self { attribute: attribute.to_owned(), problem: problem.to_string() }
    }
}

/// Parses an attribute that must be there.
pub(crate) fn required<T: FromStr<Err: Display>>(item: &Item, name: &str) -> Result<T, BadItem> {
    optional(item, name)?.ok_or_else(|| BadItem::new(name, "is missing"))
}

/// Parses an attribute, text or number, if it is there.
pub(crate) fn optional<T: FromStr<Err: Display>>(item: &Item, name: &str) -> Result<Option<T>, BadItem> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => {
            text.parse().map(Some).map_err(|error| BadItem::new(name, error))
        }
        Some(_) => Err(BadItem::new(name, "must be a text or a number")),
    }
}

/// A flag; absent is false.
pub(crate) fn flag(item: &Item, name: &str) -> Result<bool, BadItem> {
    match item.get(name) {
        None => Ok(false),
        Some(AttributeValue::Bool(value)) => Ok(*value),
        Some(_) => Err(BadItem::new(name, "must be a boolean")),
    }
}

/// A map, if it is there.
pub(crate) fn map<'a>(item: &'a Item, name: &str) -> Result<Option<&'a Item>, BadItem> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::M(map)) => Ok(Some(map)),
        Some(_) => Err(BadItem::new(name, "must be a map")),
    }
}

/// A list of maps, each read by `read`; absent is empty.
pub(crate) fn list<T>(
    item: &Item,
    name: &str,
    read: impl Fn(&Item) -> Result<T, BadItem>,
) -> Result<Vec<T>, BadItem> {
    match item.get(name) {
        None => Ok(Vec::new()),
        Some(AttributeValue::L(elements)) => {
            let element = |value: &AttributeValue| match value {
                AttributeValue::M(map) => read(map),
                _ => Err(BadItem::new(name, "must be a list of maps")),
            };
            elements.iter().map(element).collect()
        }
        Some(_) => Err(BadItem::new(name, "must be a list")),
    }
}
