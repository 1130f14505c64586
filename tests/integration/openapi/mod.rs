//! docs/openapi.yaml describes the API that the code implements.

use serde_json::Value;

mod consistency;
mod document;
mod exchanges;
mod record_exchanges;
mod request_schema;
mod responses;

pub(crate) use document::Document;

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

const ADDITION: &str = r#"{"delta":10,"reason":"received","note":"Pallet 7"}"#;

const ALICE: &str = r#"{"email":"alice@example.com","name":"Alice"}"#;
const WATCH: &str = r#"{"name":"Watch","price":99.95}"#;

/// The routes of the API.
const HELLO: &str = "/hello";
const PLACE: &str = "/order";
const SHOW: &str = "/order/{orderId}";
const CANCEL: &str = "/order/{orderId}/cancel";
const SHIP: &str = "/order/{orderId}/ship";
const DELIVER: &str = "/order/{orderId}/deliver";
const TO_SHIP: &str = "/orders";
const CUSTOMER: &str = "/customers/{customerId}";
const ORDERS: &str = "/customers/{customerId}/orders";
const PRODUCTS: &str = "/products";
const PRODUCT: &str = "/products/{productId}";
const INVENTORY: &str = "/inventory";
const STOCK: &str = "/inventory/{productId}";
const ADJUSTMENTS: &str = "/inventory/{productId}/adjustments";
const ADJUSTMENT: &str = "/inventory/{productId}/adjustments/{adjustmentId}";

/// Iterates over the schemas of problems, with their `type`.
fn problems(document: &Document) -> impl Iterator<Item = (&str, &Value)> {
    let is_problem = |schema: &'_ Value| schema["properties"]["type"]["const"].as_str().is_some();
    let schemas = document.schemas().values().filter(move |schema| is_problem(schema));
    schemas.map(|schema| (schema["properties"]["type"]["const"].as_str().unwrap(), schema))
}
