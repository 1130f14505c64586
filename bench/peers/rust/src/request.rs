//! Parsing of the request. The response lists all violations.

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::problem::{Problem, violation};

const MAX_BODY_BYTES: usize = 64 * 1024;
/// The characters that are escaped in a pointer.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A line of an order: a product with the sum of its quantities.
pub struct OrderLine {
    pub product_id: String,
    pub quantity: i64,
}

/// A valid request.
pub struct OrderRequest {
    pub customer_id: String,
    pub lines: Vec<OrderLine>,
    pub expected_total: Option<f64>,
    pub idempotency_key: Option<String>,
}

impl OrderRequest {
    /// Parses a request.
    pub fn parse(request: &ApiGatewayProxyRequest) -> Result<Self, Problem> {
        let body = parse_body(request)?;
        let mut violations = Vec::new();
        let key = header(request, "idempotency-key");
        let is_valid =
            |key: &str| (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_some_and(|key| !is_valid(key)) {
            let detail = "must be 1 to 255 printable ASCII characters without spaces";
            violations.push(violation("Idempotency-Key", "format", detail));
        }
        let Some(body) = body.as_object() else {
            violations.insert(0, violation("#", "type", "must be an object"));
            return Err(Problem::invalid(violations));
        };
        reject_unknown_fields(body, "#", &["customerId", "items", "totalAmount"], &mut violations);
        let customer_id = read_id(body.get("customerId"), "#/customerId", &mut violations);
        let lines = read_lines(body.get("items"), &mut violations);
        let expected_total = read_total(body.get("totalAmount"), &mut violations);
        if !violations.is_empty() {
            return Err(Problem::invalid(violations));
        }
        Ok(Self { customer_id, lines, expected_total, idempotency_key: key.map(str::to_owned) })
    }

    /// Returns the hash that identifies equal requests.
    pub fn hash(&self) -> String {
        let mut lines: Vec<_> =
            self.lines.iter().map(|line| format!("{} {}", line.product_id, line.quantity)).collect();
        lines.sort();
        let total = self.expected_total.map(|total| format!("{total:.2}")).unwrap_or_default();
        let text = format!("{}\n{}\n{total}", self.customer_id, lines.join("\n"));
        format!("{:x}", Sha256::digest(text))
    }
}

/// Returns a header of the request.
pub fn header<'a>(request: &'a ApiGatewayProxyRequest, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

fn parse_body(request: &ApiGatewayProxyRequest) -> Result<Value, Problem> {
    let media_type = header(request, "content-type").and_then(|value| value.split(';').next());
    if media_type.is_some_and(|media_type| !media_type.trim().eq_ignore_ascii_case("application/json")) {
        let title = "Content-Type must be application/json";
        return Err(Problem::new(415, "unsupported-media-type", title, title.to_owned(), json!({})));
    }
    let body = request.body.clone().unwrap_or_default();
    let not_json =
        |detail: String| Problem::new(400, "not-json", "Request body is not valid JSON", detail, json!({}));
    let bytes = if request.is_base64_encoded {
        STANDARD.decode(&body).map_err(|error| not_json(error.to_string()))?
    } else {
        body.into_bytes()
    };
    if bytes.len() > MAX_BODY_BYTES {
        let detail = format!("request body must not exceed {MAX_BODY_BYTES} bytes");
        return Err(Problem::new(413, "too-large", "Request body too large", detail, json!({})));
    }
    serde_json::from_slice(&bytes).map_err(|error| not_json(error.to_string()))
}

fn reject_unknown_fields(
    value: &Map<String, Value>,
    pointer: &str,
    known: &[&str],
    violations: &mut Vec<Value>,
) {
    for name in value.keys().filter(|name| !known.contains(&name.as_str())) {
        let is_price = pointer != "#" && (name == "price" || name == "unitPrice");
        let rule = if is_price { "price-not-accepted" } else { "unknown-field" };
        let name = utf8_percent_encode(name, ESCAPED);
        violations.push(violation(&format!("{pointer}/{name}"), rule, "unknown field"));
    }
}

fn read_id(value: Option<&Value>, pointer: &str, violations: &mut Vec<Value>) -> String {
    let is_valid = |id: &str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match value {
        None | Some(Value::Null) => violations.push(violation(pointer, "required", "is required")),
        Some(Value::String(id)) if is_valid(id) => return id.clone(),
        Some(Value::String(_)) => {
            violations.push(violation(pointer, "format", "must be 1 to 64 characters of A-Z a-z 0-9 - _ ."));
        }
        Some(_) => violations.push(violation(pointer, "type", "must be a string")),
    }
    String::new()
}

fn read_quantity(value: Option<&Value>, pointer: &str, violations: &mut Vec<Value>) -> i64 {
    let mut reject = |rule, detail| violations.push(violation(pointer, rule, detail));
    match value {
        None | Some(Value::Null) => reject("required", "is required"),
        Some(Value::Number(number)) => match number.as_f64().unwrap_or_default() {
            quantity if quantity.fract() != 0.0 => reject("not-whole", "must be a whole number"),
            quantity if quantity < 1.0 => reject("below-minimum", "must be at least 1"),
            quantity if quantity > 1000.0 => reject("above-maximum", "must be at most 1000"),
            quantity => return quantity as i64,
        },
        Some(_) => reject("type", "must be a number"),
    }
    0
}

fn read_lines(value: Option<&Value>, violations: &mut Vec<Value>) -> Vec<OrderLine> {
    let mut lines: Vec<OrderLine> = Vec::new();
    let values = match value {
        None | Some(Value::Null) => {
            violations.push(violation("#/items", "required", "is required"));
            return lines;
        }
        Some(Value::Array(values)) => values,
        Some(_) => {
            violations.push(violation("#/items", "type", "must be an array"));
            return lines;
        }
    };
    let before = violations.len();
    for (index, value) in values.iter().enumerate() {
        read_line(value, &format!("#/items/{index}"), &mut lines, violations);
    }
    if violations.len() > before {
        return lines;
    }
    if lines.is_empty() {
        violations.push(violation("#/items", "empty", "must not be empty"));
    }
    if lines.len() > 50 {
        violations.push(violation("#/items", "too-many", "must not contain more than 50 products"));
    }
    if lines.iter().any(|line| line.quantity > 1000) {
        let detail = "the lines of a product must not add up to more than 1000";
        violations.push(violation("#/items", "above-maximum", detail));
    }
    lines
}

fn read_line(value: &Value, pointer: &str, lines: &mut Vec<OrderLine>, violations: &mut Vec<Value>) {
    let Some(line) = value.as_object() else {
        violations.push(violation(pointer, "type", "must be an object"));
        return;
    };
    reject_unknown_fields(line, pointer, &["productId", "quantity"], violations);
    let product_id = read_id(line.get("productId"), &format!("{pointer}/productId"), violations);
    let quantity = read_quantity(line.get("quantity"), &format!("{pointer}/quantity"), violations);
    match lines.iter_mut().find(|line| line.product_id == product_id) {
        Some(line) => line.quantity += quantity,
        None => lines.push(OrderLine { product_id, quantity }),
    }
}

fn read_total(value: Option<&Value>, violations: &mut Vec<Value>) -> Option<f64> {
    let mut reject = |rule, detail| violations.push(violation("#/totalAmount", rule, detail));
    match value {
        None | Some(Value::Null) => None,
        Some(Value::Number(number)) => {
            let total = number.as_f64()?;
            if total < 0.0 {
                reject("below-minimum", "must not be negative");
            } else if (total * 100.0 - (total * 100.0).round()).abs() > 1e-6 {
                reject("too-precise", "must not have more than two decimal places");
            }
            Some(total)
        }
        Some(_) => {
            reject("type", "must be a number");
            None
        }
    }
}
