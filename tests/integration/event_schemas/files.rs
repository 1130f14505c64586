//! The JSON Schemas in docs/events.

use std::error::Error;
use std::fs;

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;

use crate::strict_schema::reject_undocumented_fields;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events");

/// Returns the schema in a file, named without its extension.
pub(super) fn event_schema(name: &str) -> Value {
    let path = format!("{DIRECTORY}/{name}.schema.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the names of all files, without their extension.
pub(super) fn event_schemas() -> Vec<String> {
    let files = fs::read_dir(DIRECTORY).unwrap_or_else(|error| panic!("{DIRECTORY}: {error}"));
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    names.map(|name| name.strip_suffix(".schema.json").expect("a schema").to_owned()).collect()
}

/// A resolver of references between the schemas.
struct SchemaResolver {
    strict: bool,
}

impl Retrieve for SchemaResolver {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let name =
            uri.path().as_str().strip_prefix("/events/").and_then(|file| file.strip_suffix(".schema.json"));
        let mut schema = event_schema(name.ok_or("not an event schema")?);
        if self.strict {
            reject_undocumented_fields(&mut schema);
        }
        Ok(schema)
    }
}

/// Returns a validator for the schema in a file. A strict validator rejects undocumented fields.
pub(super) fn event_validator(name: &str, strict: bool) -> Validator {
    let mut schema = event_schema(name);
    if strict {
        reject_undocumented_fields(&mut schema);
    }
    let options =
        jsonschema::options().should_validate_formats(true).with_retriever(SchemaResolver { strict });
    options.build(&schema).expect("a schema")
}
