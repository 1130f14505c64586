//! The project's seed data, as `make seed` loads it.

use std::fs;

use serde_json::{Value, json};

use crate::raw_dynamodb::{RawDynamoDb, TABLES};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../seed-data");

const FILES: [&str; 4] = ["products", "inventory", "customers", "orders"];

/// Loads every file into the tables that `name_of` returns for a logical id.
pub(crate) async fn load(dynamodb: &RawDynamoDb, name_of: impl Fn(&str) -> String) {
    for file in FILES {
        for (logical_id, puts) in read(file).as_object().expect("tables with their items") {
            let request = json!({"RequestItems": {name_of(logical_id): puts}});
            let response = dynamodb.call(TABLES, "BatchWriteItem", &request).await;
            assert_eq!(response["UnprocessedItems"], json!({}), "{file} was loaded only in part");
        }
    }
}

fn read(file: &str) -> Value {
    let path = format!("{DIRECTORY}/{file}.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}
