//! The schema of StockReceived.

use domain::stock::ReceivedQuantity;
use domain::{AdjustmentReason, ReceiptId, StockReceived};
use serde_json::{Value, json};
use test_support::invocation;

use super::files::{event_schema, event_validator};
use super::{add_fields, errors, pointers, probe_values, remove};

const NAME: &str = "stock-received";

fn examples() -> Vec<Value> {
    event_schema(NAME)["examples"].as_array().unwrap().clone()
}

#[test]
fn documents_the_limits_of_the_code() {
    let definitions = event_schema("definitions");
    for (pointer, limit) in [
        ("receiptId/maxLength", json!(ReceiptId::MAX_LENGTH)),
        ("receivedQuantity/minimum", json!(ReceivedQuantity::MIN)),
        ("receivedQuantity/maximum", json!(ReceivedQuantity::MAX)),
        ("adjustmentReason/enum", json!(AdjustmentReason::ALL)),
    ] {
        assert_eq!(definitions.pointer(&format!("/$defs/{pointer}")), Some(&limit), "{pointer}");
    }
    assert_eq!(event_schema(NAME)["properties"]["detailType"]["const"], StockReceived::DETAIL_TYPE);
}

#[test]
fn documents_examples_that_are_valid_and_round_trip() {
    let validator = event_validator(NAME, true);
    assert_eq!(examples().len(), 2);
    for example in examples() {
        assert_eq!(errors(&validator, &example), [""; 0]);
        let event = StockReceived::from_json(&example.to_string()).unwrap();
        assert_eq!(serde_json::to_value(event).unwrap(), example);
    }
}

#[test]
fn the_sample_event_matches_its_schema() {
    let event: Value = serde_json::from_str(invocation::fixture(NAME).payload.get()).unwrap();
    assert_eq!(errors(&event_validator("event", true), &event), [""; 0]);
    assert_eq!(errors(&event_validator(NAME, true), &event["detail"]), [""; 0]);
}

#[test]
fn accepts_unknown_fields() {
    let mut event = examples()[1].clone();
    add_fields(&mut event);
    assert_eq!(errors(&event_validator(NAME, false), &event), [""; 0]);
    assert!(StockReceived::from_json(&event.to_string()).is_ok());
}

#[test]
fn schema_and_code_require_the_same_fields() {
    let validator = event_validator(NAME, false);
    let whole = examples()[1].clone();
    for pointer in pointers(&whole) {
        let mut event = whole.clone();
        remove(&mut event, &pointer);
        let read = StockReceived::from_json(&event.to_string());
        assert_eq!(read.is_ok(), validator.is_valid(&event), "without {pointer}: {read:?}");
    }
}

#[test]
fn schema_and_code_accept_the_same_values() {
    let validator = event_validator(NAME, false);
    let whole = examples()[1].clone();
    let reasons = ["received", "counted", "stolen"].map(Value::from);
    let values: Vec<_> =
        probe_values().into_iter().chain(reasons).chain([json!(1_000_000), json!(1_000_001)]).collect();
    for pointer in pointers(&whole) {
        for value in &values {
            let is_optional = ["/metadata", "/detailType"].contains(&pointer.as_str());
            if is_optional && value.is_null() {
                // Some languages write null for a missing field, so the code accepts it.
                continue;
            }
            let mut event = whole.clone();
            *event.pointer_mut(&pointer).unwrap() = value.clone();
            let read = StockReceived::from_json(&event.to_string());
            assert_eq!(read.is_ok(), validator.is_valid(&event), "{value} at {pointer}: {read:?}");
        }
    }
}
