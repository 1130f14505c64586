//! Properties of the code that reads outside data. Each property takes arbitrary bytes, panics if it
//! is violated, and returns true if the bytes were accepted.
//!
//! `cargo test` checks the inputs in `fuzz/corpus`. `make fuzz` searches for new inputs.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use api::page_token;
use domain::{
    CorrelationId, CustomerId, EventId, IdempotencyKey, Money, OrderId, ProductId, Quantity, Timestamp,
};
use dynamodb::Item;
use lambda::trigger::{INVALID_REQUEST, UNSUPPORTED_TRIGGER};
use lambda::{RepublishRequest, Trigger};
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

mod bodies;
mod events;
mod items;
mod order_body;
mod preconditions;
mod record_bodies;
mod stock_bodies;

pub use bodies::request;
pub use events::event;
pub use items::{inventory_item, order_item};
pub use preconditions::precondition;

/// A property of arbitrary bytes.
pub type Property = fn(&[u8]) -> bool;

/// All properties, by the name of their fuzz target and corpus.
pub const ALL: [(&str, Property); 10] = [
    ("event", event),
    ("identifier", identifier),
    ("inventory_item", inventory_item),
    ("money", money),
    ("order_item", order_item),
    ("precondition", precondition),
    ("request", request),
    ("timestamp", timestamp),
    ("token", token),
    ("trigger", trigger),
];

/// Reads the payload of an invocation, and the data in it.
pub fn trigger(data: &[u8]) -> bool {
    let Ok(payload) = serde_json::from_slice::<Box<RawValue>>(data) else { return false };
    match Trigger::parse(&payload) {
        Ok(Trigger::Rest(rest)) => {
            if let Some(id) = rest.correlation_id() {
                assert_round_trips(&id);
            }
            if let Ok(body) = rest.json_body() {
                request(body.as_bytes());
            }
            true
        }
        Ok(Trigger::Stream(batch)) => {
            for record in batch.records {
                let images = [record.change.old_image, record.change.new_image].map(Item::from);
                for image in &images {
                    items::check_order_item(image);
                    items::check_inventory_item(image);
                }
                let [old, new] = &images;
                items::check_stock_change(old, new);
            }
            true
        }
        Ok(Trigger::Bus(event)) => {
            events::check_event(event.detail.get());
            events::check_stock_received(event.detail.get());
            true
        }
        Ok(Trigger::Queue(batch)) => {
            for body in batch.records.iter().filter_map(|record| record.body.as_deref()) {
                trigger(body.as_bytes());
            }
            true
        }
        Ok(Trigger::Republish(request)) => {
            let count = match request {
                RepublishRequest::Orders(ids) => ids.len(),
                RepublishRequest::Products(ids) => ids.len(),
            };
            assert!((1..=RepublishRequest::MAX_IDS).contains(&count));
            true
        }
        Err(error) => {
            assert!([UNSUPPORTED_TRIGGER, INVALID_REQUEST].contains(&error.error_type), "{error}");
            false
        }
    }
}

/// Reads identifiers of all kinds, a quantity and an idempotency key. Text and JSON accept the same
/// values.
pub fn identifier(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let accepted = [
        is_accepted_by_text_and_json::<OrderId>(text),
        is_accepted_by_text_and_json::<CustomerId>(text),
        is_accepted_by_text_and_json::<ProductId>(text),
        is_accepted_by_text_and_json::<EventId>(text),
        is_accepted_by_text_and_json::<CorrelationId>(text),
        is_accepted_by_text_and_json::<IdempotencyKey>(text),
    ];
    if let Ok(key) = text.parse::<IdempotencyKey>() {
        let customer: CustomerId = "001".parse().expect("an id");
        assert_round_trips(&OrderId::from_idempotency_key(&customer, &key));
    }
    if let Ok(quantity) = serde_json::from_str::<Quantity>(text) {
        assert_eq!(serde_json::to_value(quantity).expect("JSON"), json!(quantity.get()));
    }
    accepted.contains(&true)
}

/// Asserts that text and JSON agree on an identifier. Returns true if they accept it.
fn is_accepted_by_text_and_json<T>(text: &str) -> bool
where
    T: FromStr + Display + DeserializeOwned + Debug + PartialEq,
{
    let plain = text.parse::<T>().ok();
    assert_eq!(serde_json::from_value::<T>(text.into()).ok(), plain);
    plain.inspect(|id| assert_eq!(id.to_string(), text)).is_some()
}

fn assert_round_trips<T: FromStr<Err: Debug> + Display + Debug + PartialEq>(value: &T) {
    assert_eq!(&value.to_string().parse::<T>().expect("a written value is valid"), value);
}

/// Reads an amount of money. A valid amount round-trips, and is close to the double of its text.
pub fn money(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let plain = text.parse::<Money>();
    assert_eq!(serde_json::from_str::<Money>(text).ok(), plain.ok());
    let Ok(amount) = plain else { return false };
    assert_round_trips(&amount);
    assert_eq!(serde_json::to_string(&amount).expect("JSON"), amount.to_string());
    // The double nearest to the text differs by less than half a minor unit.
    let near: f64 = text.trim().parse().expect("a number");
    let exact: f64 = amount.to_string().parse().expect("a number");
    assert!((near - exact).abs() < 0.005, "{text} is {amount}");
    true
}

/// Reads a point in time. A valid time round-trips in UTC with milliseconds.
pub fn timestamp(data: &[u8]) -> bool {
    let Some(moment) = str::from_utf8(data).ok().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return false;
    };
    let text = moment.to_string();
    assert_eq!((text.len(), text.as_bytes()[23]), (24, b'Z'));
    assert_round_trips(&moment);
    assert!(moment <= Timestamp::MAX);
    true
}

/// Reads a page token. Orders and products have the same tokens, and each id has one token.
pub fn token(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let orders = page_token::decode::<OrderId>(text);
    let products = page_token::decode::<ProductId>(text);
    assert_eq!(orders.as_ref().map(OrderId::as_str), products.as_ref().map(ProductId::as_str));
    if let Some(id) = &orders {
        // Each id has one token, so no variation of a token is accepted.
        assert_eq!(page_token::encode(id.as_str()), text);
    }
    orders.is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files(directory: &str) -> Vec<PathBuf> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(directory);
        let files =
            fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        files.map(|file| file.unwrap().path()).collect()
    }

    #[test]
    fn every_property_holds_for_its_corpus() {
        for (name, property) in ALL {
            let results: BTreeSet<_> = files(&format!("corpus/{name}"))
                .into_iter()
                .map(|file| {
                    println!("{}", file.display());
                    property(&fs::read(file).unwrap())
                })
                .collect();
            assert_eq!(
                results,
                [false, true].into(),
                "the corpus of {name} needs accepted and rejected inputs"
            );
        }
    }

    #[test]
    fn every_property_has_a_fuzz_target() {
        let targets = files("fuzz_targets").into_iter().map(|file| file.file_stem().unwrap().to_owned());
        let targets: BTreeSet<_> = targets.map(|name| name.into_string().unwrap()).collect();
        assert_eq!(targets, ALL.map(|(name, _)| name.to_owned()).into());
    }
}
