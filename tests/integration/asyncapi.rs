//! docs/asyncapi.yaml: its messages are those that the rules of the bus route and that the schemas in
//! docs/events describe.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// The schemas that describe no event of their own.
const SHARED_SCHEMAS: [&str; 2] = ["definitions", "event"];

fn document() -> Value {
    let path = format!("{DIRECTORY}/asyncapi.yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the keys of the object at a JSON Pointer.
fn keys(document: &Value, pointer: &str) -> BTreeSet<String> {
    let object = document.pointer(pointer).and_then(Value::as_object);
    object.unwrap_or_else(|| panic!("the document has no {pointer}")).keys().cloned().collect()
}

/// Returns the names of the messages that an operation lists.
fn messages_of(document: &Value, operation: &str) -> BTreeSet<String> {
    let messages = document["operations"][operation]["messages"].as_array().expect("messages");
    let reference = |message: &Value| message["$ref"].as_str().expect("a reference").to_owned();
    messages.iter().map(|message| reference(message).rsplit('/').next().unwrap().to_owned()).collect()
}

/// Returns the detail-types of a pattern.
fn detail_types(pattern: &Value) -> BTreeSet<String> {
    let names = pattern["detail-type"].as_array().expect("detail-types").iter();
    names.map(|name| name.as_str().expect("a detail-type").to_owned()).collect()
}

/// Collects the values of all `$ref`s below a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 40, "{found:?}");
    for reference in found {
        let exists = match reference.strip_prefix('#') {
            Some(pointer) => document.pointer(pointer).is_some(),
            None => fs::exists(format!("{DIRECTORY}/{reference}")).unwrap(),
        };
        assert!(exists, "{reference}");
    }
}

#[test]
fn every_event_schema_describes_the_message_of_its_detail_type() {
    let document = document();
    let mut described = BTreeSet::new();
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        let file = message["payload"]["$ref"].as_str().unwrap();
        let text = fs::read_to_string(format!("{DIRECTORY}/{file}")).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["properties"]["detailType"]["const"], Value::from(name.as_str()), "{file}");
        described.insert(file.strip_prefix("events/").unwrap().to_owned());
    }
    let files = fs::read_dir(format!("{DIRECTORY}/events")).unwrap();
    let mut files: BTreeSet<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| !SHARED_SCHEMAS.iter().any(|shared| *file == format!("{shared}.schema.json")));
    assert_eq!(described, files);
}

#[test]
fn consumed_messages_are_those_that_the_rules_route() {
    let document = document();
    assert_eq!(messages_of(&document, "applyOrderEvents"), detail_types(test_support::order_event_pattern()));
    assert_eq!(messages_of(&document, "applyReceipts"), detail_types(test_support::stock_event_pattern()));
}

#[test]
fn every_message_of_a_channel_has_an_operation() {
    let document = document();
    for (channel, operations) in [
        ("orders", &["publishOrderEvents", "applyOrderEvents"][..]),
        ("inventory", &["publishStockEvents"]),
        ("warehouse", &["applyReceipts"]),
    ] {
        let used: BTreeSet<_> = operations.iter().flat_map(|name| messages_of(&document, name)).collect();
        assert_eq!(keys(&document, &format!("/channels/{channel}/messages")), used, "{channel}");
    }
    let kinds: BTreeSet<_> = domain::EventKind::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(messages_of(&document, "publishOrderEvents"), kinds);
}
