//! Properties of the code that reads outside data. Each property takes arbitrary bytes, panics if it
//! is violated, and returns true if the bytes were accepted.
//!
//! `cargo test` checks the inputs in `fuzz/corpus`. `make fuzz` searches for new inputs.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use api::{BodyError, order_body, page_token};
use domain::{
    CorrelationId, CustomerId, EventError, EventId, IdempotencyKey, InventoryEvent, Money, OrderEvent,
    OrderId, OrderRequest, ProductId, Quantity, Quote, QuoteError, StockReceived, Timestamp,
};
use dynamodb::{Item, StoredOrder};
use lambda::trigger::{INVALID_REQUEST, UNSUPPORTED_TRIGGER};
use lambda::{RepublishRequest, Trigger};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

mod records;

/// A property of arbitrary bytes.
pub type Property = fn(&[u8]) -> bool;

/// All properties, by the name of their fuzz target and corpus.
pub const ALL: [(&str, Property); 8] = [
    ("event", event),
    ("identifier", identifier),
    ("money", money),
    ("order_item", order_item),
    ("request", request),
    ("timestamp", timestamp),
    ("token", token),
    ("trigger", trigger),
];

/// Reads a body of each route that has one with several fields. A valid body round-trips, and the
/// total of an order is exact.
pub fn request(data: &[u8]) -> bool {
    let Ok(body) = str::from_utf8(data) else { return false };
    let results = [order(body), records::customer(body), records::product(body)];
    // Every body is read, also after one was accepted.
    results.map(|result| is_accepted(body, result)).contains(&true)
}

fn order(body: &str) -> Result<(), BodyError> {
    let request = order_body::parse(body)?;
    let again = order_body::parse(&to_body(&request)).expect("a written request is valid");
    assert_eq!((&again, again.hash()), (&request, request.hash()));
    assert_total_is_exact(&request);
    Ok(())
}

/// Checks the error of a body, if it has one.
fn is_accepted(body: &str, result: Result<(), BodyError>) -> bool {
    match result {
        Ok(()) => true,
        Err(BodyError::NotJson(_)) => {
            assert!(serde_json::from_str::<Value>(body).is_err(), "valid JSON was rejected as malformed");
            false
        }
        Err(BodyError::Invalid(violations)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "#/-._~%".contains(c);
            assert!(!violations.is_empty());
            assert!(
                violations
                    .iter()
                    .all(|violation| violation.pointer.starts_with('#')
                        && violation.pointer.chars().all(plain))
            );
            false
        }
    }
}

fn to_body(request: &OrderRequest) -> String {
    let mut body = json!({"customerId": request.customer_id, "items": request.lines});
    if let Some(total) = request.expected_total {
        body["totalAmount"] = "TOTAL".into();
        return body.to_string().replace("\"TOTAL\"", &total.to_string());
    }
    body.to_string()
}

/// Asserts that the total equals a sum in 128 bits. The prices are derived from the product ids.
fn assert_total_is_exact(request: &OrderRequest) {
    let maximum = minor_units(Money::MAX);
    let price = |product: &ProductId| {
        let digits =
            product.as_str().bytes().fold(1_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        u128::from(digits) % (maximum + 1)
    };
    let mut prices = BTreeMap::new();
    let mut sum = 0;
    for line in &request.lines {
        let price = price(&line.product_id);
        prices.insert(
            line.product_id.clone(),
            Money::from_minor_units(price.try_into().expect("64 bits")).expect("a price"),
        );
        sum += price * u128::from(line.quantity.get());
    }
    match Quote::new(request, true, &prices) {
        Ok(quote) => assert_eq!(minor_units(quote.total_amount), sum),
        Err(QuoteError::TotalDiffers { expected, computed }) => {
            assert_eq!(minor_units(computed), sum);
            assert_eq!(Some(expected), request.expected_total);
        }
        Err(QuoteError::TotalTooLarge) => assert!(sum > maximum),
        Err(QuoteError::UnknownReferences(unknown)) => panic!("{unknown:?}"),
    }
}

fn minor_units(amount: Money) -> u128 {
    amount.to_string().replace('.', "").parse().expect("digits")
}

/// Reads the detail of an event of an order or a warehouse. A valid event round-trips.
pub fn event(data: &[u8]) -> bool {
    str::from_utf8(data).is_ok_and(|detail| check_event(detail) | check_stock_received(detail))
}

fn check_stock_received(detail: &str) -> bool {
    let Ok(event) = StockReceived::from_json(detail) else { return false };
    let text = serde_json::to_string(&event).expect("an event in JSON");
    assert_eq!(StockReceived::from_json(&text).expect("a written event is valid"), event);
    let adjustment = event.adjustment(Timestamp::MAX);
    assert!(adjustment.delta.removed_units().is_none());
    let item = dynamodb::encode_adjustment(&adjustment);
    assert_eq!(dynamodb::decode_adjustment(&item).expect("an encoded entry is valid"), adjustment);
    true
}

fn check_event(detail: &str) -> bool {
    match OrderEvent::from_json(detail) {
        Ok(event) => {
            assert_event_round_trips(&event);
            true
        }
        Err(EventError::UnknownVersion(version)) => {
            assert_ne!(version, domain::event::SCHEMA_VERSION);
            false
        }
        Err(EventError::Malformed(_)) => false,
    }
}

fn assert_event_round_trips(event: &OrderEvent) {
    let text = event.to_json().expect("an event in JSON");
    assert_eq!(&OrderEvent::from_json(&text).expect("a written event is valid"), event);
}

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
                for image in [record.change.old_image, record.change.new_image] {
                    let item = image.into();
                    check_order_item(&item);
                    check_stock_item(&item);
                }
            }
            true
        }
        Ok(Trigger::Bus(event)) => {
            check_event(event.detail.get());
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

/// Reads an item of the Orders table in DynamoDB's JSON. A valid order round-trips, and its event too.
pub fn order_item(data: &[u8]) -> bool {
    serde_json::from_slice::<serde_dynamo::Item>(data).is_ok_and(|item| check_order_item(&item.into()))
}

fn check_order_item(item: &Item) -> bool {
    let Ok(order) = dynamodb::decode_order(item) else { return false };
    assert_eq!(dynamodb::decode_order(&dynamodb::encode_order(&order)).as_ref(), Ok(&order));
    assert_event_of_outbox(&order);
    true
}

/// Reads an item of the Inventory table. The events of a valid item report its stock.
fn check_stock_item(item: &Item) {
    let Ok(level) = dynamodb::decode_stock(item) else { return };
    for event in InventoryEvent::of_level(&level, Timestamp::MAX) {
        let detail: Value = serde_json::from_str(&event.to_json().expect("JSON")).expect("JSON");
        assert_eq!(detail["quantity"], level.quantity);
        assert_eq!(detail["revision"], level.revision);
    }
}

fn assert_event_of_outbox(stored: &StoredOrder) {
    let Some(outbox) = &stored.outbox else { return };
    if let Some(event) = outbox.to_event(&stored.order) {
        assert_eq!(event.kind(), outbox.kind);
        assert_event_round_trips(&event);
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
