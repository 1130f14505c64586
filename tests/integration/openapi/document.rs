//! docs/openapi.yaml.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::rc::Rc;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use test_support::ApiResponse;

use crate::strict_schema::reject_undocumented_fields;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.yaml");

/// The API in OpenAPI 3.1. Its schemas are JSON Schemas of draft 2020-12.
pub(crate) struct Document {
    root: Value,
    /// A cache, because building a validator takes longer than using it.
    validators: RefCell<HashMap<String, Rc<Validator>>>,
}

/// A lower-case method, and a path such as `/order/{orderId}`.
pub(crate) type Route = (String, String);

impl Document {
    /// Reads the document.
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(PATH).unwrap_or_else(|error| panic!("{PATH}: {error}"));
        Self::of(serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{PATH}: {error}")))
    }

    fn of(root: Value) -> Self {
        Self { root, validators: RefCell::default() }
    }

    /// Makes all schemas reject undocumented fields.
    pub(crate) fn strict(mut self) -> Self {
        reject_undocumented_fields(&mut self.root);
        Self::of(self.root)
    }

    /// Returns the value at a JSON Pointer.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap_or_else(|| panic!("the document has no {pointer}"))
    }

    /// Returns the document with another value at a JSON Pointer.
    pub(crate) fn with(&self, pointer: &str, value: Value) -> Self {
        let mut root = self.root.clone();
        *root.pointer_mut(pointer).unwrap_or_else(|| panic!("the document has no {pointer}")) = value;
        Self::of(root)
    }

    /// Iterates over all operations with their routes.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (Route, &Value)> {
        let paths = self.at("/paths").as_object().expect("paths");
        paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations");
            operations.iter().map(move |(method, operation)| ((method.clone(), path.clone()), operation))
        })
    }

    /// Iterates over all responses of all operations, with route and status.
    pub(crate) fn responses(&self) -> impl Iterator<Item = (Route, u16, &Value)> {
        self.operations().flat_map(move |(route, operation)| {
            let responses = operation["responses"].as_object().expect("responses");
            responses.iter().map(move |(status, response)| {
                (route.clone(), status.parse().expect("a status"), self.resolve(response))
            })
        })
    }

    /// Returns the schemas of the components, by name.
    pub(crate) fn schemas(&self) -> &Map<String, Value> {
        self.at("/components/schemas").as_object().expect("schemas")
    }

    /// Resolves a reference. Returns any other value unchanged.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.at(reference.strip_prefix('#').expect("a reference into the document")),
            None => value,
        }
    }

    /// Returns a validator for a schema of the document.
    pub(crate) fn validator(&self, schema: &Value) -> Rc<Validator> {
        let mut cached = self.validators.borrow_mut();
        Rc::clone(cached.entry(schema.to_string()).or_insert_with(|| {
            let mut root = schema.clone();
            root["components"] = self.root["components"].clone();
            Rc::new(jsonschema::options().should_validate_formats(true).build(&root).expect("a schema"))
        }))
    }

    /// Returns a validator for a named schema of the components.
    pub(crate) fn validator_of(&self, name: &str) -> Rc<Validator> {
        self.validator(&json!({"$ref": format!("#/components/schemas/{name}")}))
    }

    /// Returns the differences between a response and the documented responses of its route.
    pub(crate) fn differences(&self, route: &Route, response: &ApiResponse) -> Vec<String> {
        let found = self.responses().find(|(known, status, _)| known == route && *status == response.status);
        let Some((_, _, documented)) = found else {
            return vec![format!("{} is not documented", response.status)];
        };
        let mut differences = self.header_differences(documented, response);
        let Some(contents) = documented.get("content") else {
            let is_empty = response.body.is_empty() && response.header("content-type").is_none();
            differences.extend((!is_empty).then(|| "a body is not documented".to_owned()));
            return differences;
        };
        let media_type = response.header("content-type").unwrap_or_default();
        match contents.get(media_type) {
            None => differences.push(format!("content type {media_type:?} is not documented")),
            Some(content) => {
                let validator = self.validator(&content["schema"]);
                let body = response.json();
                let errors = validator.iter_errors(&body);
                differences.extend(errors.map(|error| format!("{}: {error}", error.instance_path())));
            }
        }
        differences
    }

    fn header_differences(&self, documented: &Value, response: &ApiResponse) -> Vec<String> {
        let headers = documented["headers"].as_object().cloned().unwrap_or_default();
        let mut differences = Vec::new();
        for (name, header) in &headers {
            let header = self.resolve(header);
            match response.header(&name.to_lowercase()) {
                None if header["required"] == true => differences.push(format!("header {name} is missing")),
                Some(text) if !self.is_valid_header(header, text) => {
                    differences.push(format!("header {name} is {text:?}"));
                }
                _ => {}
            }
        }
        let known =
            |name: &str| name == "content-type" || headers.keys().any(|known| known.to_lowercase() == name);
        let unknown = response.header_names().filter(|name| !known(name));
        differences.extend(unknown.map(|name| format!("header {name} is not documented")));
        differences
    }

    fn is_valid_header(&self, header: &Value, text: &str) -> bool {
        let schema = &header["schema"];
        self.validator(schema).is_valid(&header_value(schema, text))
    }
}

/// Converts a header to the type that its schema has.
fn header_value(schema: &Value, text: &str) -> Value {
    match schema["type"].as_str() {
        Some("integer") => serde_json::from_str(text).unwrap_or_default(),
        _ => text.into(),
    }
}
