//! Items, keys and attribute values.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item as DynamoDB represents it.
pub type Item = HashMap<String, AttributeValue>;

/// Creates an item or a map.
#[must_use]
pub fn item<'a>(attributes: impl IntoIterator<Item = (&'a str, AttributeValue)>) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns the key of an item.
#[must_use]
pub fn key(name: &str, value: AttributeValue) -> Item {
    item([(name, value)])
}

/// Returns a string attribute.
pub fn text(value: impl Display) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// Returns a number attribute. DynamoDB accepts numbers as decimal text and stores
/// them exactly:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
pub fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
