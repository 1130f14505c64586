//! What holds for whatever comes from outside: each property takes any bytes,
//! panics if it does not hold, and tells whether they were accepted.
//!
//! `cargo test` tries the inputs in `fuzz/corpus`; `make fuzz` looks for others.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use api::{BodyError, order_body, page_token};
use domain::{
    CorrelationId, CustomerId, EventError, EventId, IdempotencyKey, Money, OrderEvent, OrderId, OrderRequest,
    ProductId, Quantity, Quote, QuoteError, Timestamp,
};
use dynamodb::{Item, StoredOrder};
use lambda::Trigger;
use lambda::trigger::{INVALID_REQUEST, UNSUPPORTED_TRIGGER};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Whether a property holds for some bytes: a panic if not, and else whether
/// they were accepted.
pub type Property = fn(&[u8]) -> bool;

/// Every property by the name of its fuzz target and corpus.
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

/// The body of `POST /order`.
pub fn request(data: &[u8]) -> bool {
    let Ok(body) = str::from_utf8(data) else { return false };
    match order_body::parse(body) {
        Ok(request) => {
            let again = order_body::parse(&written(&request)).expect("a request as it was written");
            assert_eq!((&again, again.hash()), (&request, request.hash()));
            assert_total_is_exact(&request);
            true
        }
        Err(BodyError::NotJson(_)) => {
            assert!(serde_json::from_str::<Value>(body).is_err(), "JSON was taken for none");
            false
        }
        Err(BodyError::Invalid(faults)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "#/-._~%".contains(c);
            assert!(!faults.is_empty());
            assert!(
                faults.iter().all(|fault| fault.pointer.starts_with('#') && fault.pointer.chars().all(plain))
            );
            false
        }
    }
}

fn written(request: &OrderRequest) -> String {
    let mut body = json!({"customerId": request.customer_id, "items": request.lines});
    if let Some(total) = request.expected_total {
        body["totalAmount"] = "TOTAL".into();
        return body.to_string().replace("\"TOTAL\"", &total.to_string());
    }
    body.to_string()
}

/// Prices that follow from the products' names come to the sum that 128 bits hold.
fn assert_total_is_exact(request: &OrderRequest) {
    let most = minor_units(Money::MAX);
    let price = |product: &ProductId| {
        let digits =
            product.as_str().bytes().fold(1_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        u128::from(digits) % (most + 1)
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
        Err(QuoteError::TotalTooLarge) => assert!(sum > most),
        Err(QuoteError::UnknownReferences(unknown)) => panic!("{unknown:?}"),
    }
}

fn minor_units(amount: Money) -> u128 {
    amount.to_string().replace('.', "").parse().expect("digits")
}

/// The detail of an event.
pub fn event(data: &[u8]) -> bool {
    str::from_utf8(data).is_ok_and(event_holds)
}

fn event_holds(detail: &str) -> bool {
    match OrderEvent::from_json(detail) {
        Ok(event) => {
            assert_event_is_read_again_as_the_same(&event);
            true
        }
        Err(EventError::UnknownVersion(version)) => {
            assert_ne!(version, domain::event::SCHEMA_VERSION);
            false
        }
        Err(EventError::Malformed(_)) => false,
    }
}

fn assert_event_is_read_again_as_the_same(event: &OrderEvent) {
    let text = event.to_json().expect("an event in JSON");
    assert_eq!(&OrderEvent::from_json(&text).expect("an event as it was written"), event);
}

/// The payload of an invocation.
pub fn trigger(data: &[u8]) -> bool {
    let Ok(payload) = serde_json::from_slice::<Box<RawValue>>(data) else { return false };
    match Trigger::parse(&payload) {
        Ok(Trigger::Rest(rest)) => {
            if let Some(id) = rest.correlation_id() {
                assert_is_read_again_as_the_same(&id);
            }
            if let Ok(body) = rest.json_body() {
                request(body.as_bytes());
            }
            true
        }
        Ok(Trigger::Stream(batch)) => {
            for record in batch.records {
                order_item_holds(&record.change.old_image.into());
                order_item_holds(&record.change.new_image.into());
            }
            true
        }
        Ok(Trigger::Bus(event)) => {
            event_holds(event.detail.get());
            true
        }
        Ok(Trigger::Queue(batch)) => {
            for body in batch.records.iter().filter_map(|record| record.body.as_deref()) {
                trigger(body.as_bytes());
            }
            true
        }
        Ok(Trigger::Republish(wanted)) => {
            let most = lambda::RepublishRequest::MAX_ORDERS;
            assert!((1..=most).contains(&wanted.order_ids.len()));
            true
        }
        Err(failure) => {
            assert!([UNSUPPORTED_TRIGGER, INVALID_REQUEST].contains(&failure.error_type), "{failure}");
            false
        }
    }
}

/// An item of the Orders table, in DynamoDB's JSON.
pub fn order_item(data: &[u8]) -> bool {
    serde_json::from_slice::<serde_dynamo::Item>(data).is_ok_and(|item| order_item_holds(&item.into()))
}

fn order_item_holds(item: &Item) -> bool {
    let Ok(order) = dynamodb::decode_order(item) else { return false };
    assert_eq!(dynamodb::decode_order(&dynamodb::encode_order(&order)).as_ref(), Ok(&order));
    assert_outbox_is_publishable(&order);
    true
}

fn assert_outbox_is_publishable(stored: &StoredOrder) {
    let Some(outbox) = &stored.outbox else { return };
    if let Some(event) = outbox.to_event(&stored.order) {
        assert_eq!(event.kind(), outbox.kind);
        assert_event_is_read_again_as_the_same(&event);
    }
}

/// An identifier of any kind, a quantity, or an idempotency key.
pub fn identifier(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let accepted = [
        is_the_same_in_json::<OrderId>(text),
        is_the_same_in_json::<CustomerId>(text),
        is_the_same_in_json::<ProductId>(text),
        is_the_same_in_json::<EventId>(text),
        is_the_same_in_json::<CorrelationId>(text),
        is_the_same_in_json::<IdempotencyKey>(text),
    ];
    if let Ok(key) = text.parse::<IdempotencyKey>() {
        let customer: CustomerId = "001".parse().expect("an id");
        assert_is_read_again_as_the_same(&OrderId::from_idempotency_key(&customer, &key));
    }
    if let Ok(quantity) = serde_json::from_str::<Quantity>(text) {
        assert_eq!(serde_json::to_value(quantity).expect("JSON"), json!(quantity.get()));
    }
    accepted.contains(&true)
}

/// Plain or in JSON, a text is an identifier or it is not.
fn is_the_same_in_json<T>(text: &str) -> bool
where
    T: FromStr + Display + DeserializeOwned + Debug + PartialEq,
{
    let plain = text.parse::<T>().ok();
    assert_eq!(serde_json::from_value::<T>(text.into()).ok(), plain);
    plain.inspect(|id| assert_eq!(id.to_string(), text)).is_some()
}

fn assert_is_read_again_as_the_same<T: FromStr<Err: Debug> + Display + Debug + PartialEq>(value: &T) {
    assert_eq!(&value.to_string().parse::<T>().expect("a value as it was written"), value);
}

/// An amount of money.
pub fn money(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let plain = text.parse::<Money>();
    assert_eq!(serde_json::from_str::<Money>(text).ok(), plain.ok());
    let Ok(amount) = plain else { return false };
    assert_is_read_again_as_the_same(&amount);
    assert_eq!(serde_json::to_string(&amount).expect("JSON"), amount.to_string());
    // What a double makes of the text is next to it, and it is not off by a hundredth.
    let near: f64 = text.trim().parse().expect("a number");
    let exact: f64 = amount.to_string().parse().expect("a number");
    assert!((near - exact).abs() < 0.005, "{text} is {amount}");
    true
}

/// A point in time.
pub fn timestamp(data: &[u8]) -> bool {
    let Some(moment) = str::from_utf8(data).ok().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return false;
    };
    let text = moment.to_string();
    assert_eq!((text.len(), text.as_bytes()[23]), (24, b'Z'));
    assert_is_read_again_as_the_same(&moment);
    assert!(moment <= Timestamp::MAX);
    true
}

/// A pagination token.
pub fn token(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let orders = page_token::decode::<OrderId>(text);
    let products = page_token::decode::<ProductId>(text);
    assert_eq!(orders.as_ref().map(OrderId::as_str), products.as_ref().map(ProductId::as_str));
    if let Some(id) = &orders {
        // An entry has one token, so none can be varied unnoticed.
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

    fn files(of: &str) -> Vec<PathBuf> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(of);
        let files =
            fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        files.map(|file| file.unwrap().path()).collect()
    }

    #[test]
    fn every_property_holds_for_its_corpus() {
        for (name, holds) in ALL {
            let verdicts: BTreeSet<_> = files(&format!("corpus/{name}"))
                .into_iter()
                .map(|file| {
                    println!("{}", file.display());
                    holds(&fs::read(file).unwrap())
                })
                .collect();
            assert_eq!(verdicts, [false, true].into(), "the corpus of {name} has both sides");
        }
    }

    #[test]
    fn every_property_has_a_fuzz_target() {
        let targets = files("fuzz_targets").into_iter().map(|file| file.file_stem().unwrap().to_owned());
        let targets: BTreeSet<_> = targets.map(|name| name.into_string().unwrap()).collect();
        assert_eq!(targets, ALL.map(|(name, _)| name.to_owned()).into());
    }
}
