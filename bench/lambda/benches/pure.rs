//! The CPU time of an order without AWS: parsing, pricing, and serializing.

#![allow(missing_docs, clippy::unwrap_used, reason = "each benchmark's name says what it measures")]

use std::collections::BTreeMap;
use std::fs;

use api::order_body;
use divan::{Bencher, black_box};
use domain::{Money, OrderEvent, ProductId, Quote};
use lambda::Trigger;
use serde_json::value::RawValue;

const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");
const EVENT: &str = r#"{"detailType":"OrderPlaced","orderId":"001","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98}"#;

fn main() {
    divan::main();
}

fn body(lines: u32) -> String {
    let lines: Vec<_> = (0..lines).map(|n| format!(r#"{{"productId":"p{n}","quantity":2}}"#)).collect();
    format!(r#"{{"customerId":"001","items":[{}]}}"#, lines.join(","))
}

fn prices(lines: u32) -> BTreeMap<ProductId, Money> {
    (0..lines).map(|n| (format!("p{n}").parse().unwrap(), "79.99".parse().unwrap())).collect()
}

#[divan::bench(args = [1, 2, 50])]
fn parse_and_price_an_order(bencher: Bencher<'_, '_>, lines: u32) {
    let (body, prices) = (body(lines), prices(lines));
    bencher.bench(|| Quote::new(&order_body::parse(black_box(&body)).unwrap(), true, &prices).unwrap());
}

#[divan::bench(args = [1, 2, 50])]
fn hash_a_request(bencher: Bencher<'_, '_>, lines: u32) {
    let request = order_body::parse(&body(lines)).unwrap();
    bencher.bench(|| black_box(&request).hash());
}

#[divan::bench]
fn parse_an_event() -> OrderEvent {
    OrderEvent::from_json(black_box(EVENT)).unwrap()
}

#[divan::bench]
fn serialize_an_event(bencher: Bencher<'_, '_>) {
    let event = OrderEvent::from_json(EVENT).unwrap();
    bencher.bench(|| black_box(&event).to_json().unwrap());
}

#[divan::bench(args = ["api-post-order", "stream-order-placed"])]
fn detect_the_trigger(bencher: Bencher<'_, '_>, event: &str) {
    let payload = fs::read_to_string(format!("{EVENTS}/{event}.json")).unwrap();
    let payload: Box<RawValue> = serde_json::from_str(&payload).unwrap();
    bencher.bench(|| Trigger::parse(black_box(&payload)).unwrap());
}
