//! The seed data of the project, as `make seed` loads it.

use std::fs;

use serde_json::{Value, json};

use crate::wire::{TABLES, Wire};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../seed-data");

const FILES: [&str; 4] = ["products", "inventory", "customers", "orders"];

/// Loads every file into the tables that `name_of` knows by logical id.
pub(crate) async fn load(wire: &Wire, name_of: impl Fn(&str) -> String) {
    for file in FILES {
        for (logical_id, puts) in read(file).as_object().expect("tables with their items") {
            let request = json!({"RequestItems": {name_of(logical_id): puts}});
            let answer = wire.call(TABLES, "BatchWriteItem", &request).await;
            assert_eq!(answer["UnprocessedItems"], json!({}), "{file} was not loaded whole");
        }
    }
}

fn read(file: &str) -> Value {
    let path = format!("{DIRECTORY}/{file}.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}
