//! The documents of the contract in `docs`, and what they say of an answer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::rc::Rc;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use test_support::ApiResponse;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// The API in OpenAPI 3.1, whose schemas are JSON Schemas of draft 2020-12.
pub(crate) struct Document {
    root: Value,
    /// To build one takes longer than to use it.
    validators: RefCell<HashMap<String, Rc<Validator>>>,
}

/// A method, in lower case, and a path as the API declares it.
pub(crate) type Route = (String, String);

impl Document {
    /// The document as it is published.
    pub(crate) fn read() -> Self {
        let path = format!("{DOCS}/openapi.yaml");
        Self::of(serde_saphyr::from_str(&read(&path)).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    fn of(root: Value) -> Self {
        Self { root, validators: RefCell::default() }
    }

    /// The document, with every field refused that it does not mention.
    pub(crate) fn strict(mut self) -> Self {
        close(&mut self.root);
        Self::of(self.root)
    }

    /// What stands at a JSON Pointer.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap_or_else(|| panic!("the document has no {pointer}"))
    }

    /// The document with something else at a JSON Pointer.
    pub(crate) fn with(&self, pointer: &str, value: Value) -> Self {
        let mut root = self.root.clone();
        *root.pointer_mut(pointer).unwrap_or_else(|| panic!("the document has no {pointer}")) = value;
        Self::of(root)
    }

    /// Every operation by its route.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (Route, &Value)> {
        let paths = self.at("/paths").as_object().expect("paths");
        paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations");
            operations.iter().map(move |(method, operation)| ((method.clone(), path.clone()), operation))
        })
    }

    /// Every response of every operation: route, status and what is said of it.
    pub(crate) fn responses(&self) -> impl Iterator<Item = (Route, u16, &Value)> {
        self.operations().flat_map(move |(route, operation)| {
            let responses = operation["responses"].as_object().expect("responses");
            responses.iter().map(move |(status, response)| {
                (route.clone(), status.parse().expect("a status"), self.resolve(response))
            })
        })
    }

    /// The schemas of the components, by name.
    pub(crate) fn schemas(&self) -> &Map<String, Value> {
        self.at("/components/schemas").as_object().expect("schemas")
    }

    /// What a reference refers to, or else the value itself.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.at(reference.strip_prefix('#').expect("a reference into the document")),
            None => value,
        }
    }

    /// A validator of a schema of this document.
    pub(crate) fn validator(&self, schema: &Value) -> Rc<Validator> {
        let mut known = self.validators.borrow_mut();
        Rc::clone(known.entry(schema.to_string()).or_insert_with(|| {
            let mut root = schema.clone();
            root["components"] = self.root["components"].clone();
            Rc::new(jsonschema::options().should_validate_formats(true).build(&root).expect("a schema"))
        }))
    }

    /// A validator of a schema of the components.
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
        let media_type = response.header("content-type").unwrap_or_default();
        match documented["content"].get(media_type) {
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

/// A header as the value that its schema is about.
fn header_value(schema: &Value, text: &str) -> Value {
    match schema["type"].as_str() {
        Some("integer") => serde_json::from_str(text).unwrap_or_default(),
        _ => text.into(),
    }
}

/// A file of `docs/events`, named without its ending.
pub(crate) fn event_schema(name: &str) -> Value {
    let path = format!("{DOCS}/events/{name}.schema.json");
    serde_json::from_str(&read(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all files of `docs/events`, without their ending.
pub(crate) fn event_schemas() -> Vec<String> {
    let directory = format!("{DOCS}/events");
    let files = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    names.map(|name| name.strip_suffix(".schema.json").expect("a schema").to_owned()).collect()
}

/// Where the event schemas are found from one another.
struct EventSchemas {
    strict: bool,
}

impl jsonschema::Retrieve for EventSchemas {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name =
            uri.path().as_str().strip_prefix("/events/").and_then(|file| file.strip_suffix(".schema.json"));
        let mut schema = event_schema(name.ok_or("not a schema of an event")?);
        if self.strict {
            close(&mut schema);
        }
        Ok(schema)
    }
}

/// A validator of a file of `docs/events`; a strict one refuses every field
/// that is not mentioned there.
pub(crate) fn event_validator(name: &str, strict: bool) -> Validator {
    let mut schema = event_schema(name);
    if strict {
        close(&mut schema);
    }
    let options = jsonschema::options().should_validate_formats(true).with_retriever(EventSchemas { strict });
    options.build(&schema).expect("a schema")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Refuses, in every schema of an object, the fields that it does not mention.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(elements) => elements.iter_mut().for_each(close),
        Value::Object(members) => {
            members.values_mut().for_each(close);
            let of_object = members.get("type") == Some(&json!("object")) || members.contains_key("allOf");
            if of_object
                && members.contains_key("properties")
                && !members.contains_key("additionalProperties")
            {
                members.insert("unevaluatedProperties".into(), false.into());
            }
        }
        _ => {}
    }
}
