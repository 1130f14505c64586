//! The layout of the four DynamoDB tables: names of attributes and indexes, and
//! how items turn into the types of the domain and back.

pub mod attribute;
mod order;
mod reader;
mod stock;

pub use order::{items_to_value, legal_sources, shortages_to_value};
pub use order::{order_from_item, order_to_item, pending_event_from_item, pending_event_to_value};
pub use reader::BadItem;
pub use stock::{price_from_item, product_from_item, stock_from_item};

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item as DynamoDB holds it.
pub type Item = HashMap<String, AttributeValue>;

/// The key of an item.
#[must_use]
pub fn key(name: &str, value: AttributeValue) -> Item {
    [(name.to_owned(), value)].into()
}

/// A text attribute.
pub fn text(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number attribute; DynamoDB takes numbers as decimal text and keeps them exactly:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
pub fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
