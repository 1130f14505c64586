//! Whether the peers do what OrderServiceFunction does: only then is it fair to
//! compare them.

use std::collections::BTreeSet;
use std::error::Error;

use domain::Order;
use hyper::body::Bytes;
use serde_json::{Value, json};
use test_support::{ApiRequest, TestShop};

use crate::contestant::{self, Contestant, Functions, ORDER_SERVICE};
use crate::process::{Process, Program};

const EVENT: &str = "api-post-order";
const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

/// Sends the same requests to all three, each on a shop of its own.
///
/// # Errors
/// Tells the first request that is not answered alike, or the first order that
/// is not stored alike.
pub(crate) async fn check(functions: Functions<'_>) -> Result<usize, Box<dyn Error>> {
    let shops = [TestShop::seeded().await, TestShop::seeded().await, TestShop::seeded().await];
    let [node, python] = contestant::peers(EVENT, &shops[1])?;
    let python = Contestant { program: with_tables_of(&shops[2], python.program), ..python };
    let ours = functions.named(ORDER_SERVICE, EVENT, &shops[0])?;
    let mut seen: Vec<(&str, Vec<Value>, Vec<Order>)> = Vec::new();
    for (contestant, shop) in [ours, node, python].iter().zip(&shops) {
        let answers = answers(contestant)?;
        seen.push((contestant.name, answers, orders(shop).await));
    }
    let (_, expected, stored) = seen.remove(0);
    for (name, answers, orders) in seen {
        for ((request, expected), answer) in requests().iter().zip(&expected).zip(answers) {
            if *expected != answer {
                return Err(format!("{name} answers {request:?} with {answer}, not {expected}").into());
            }
        }
        if stored != orders {
            return Err(format!("{name} stores {orders:#?}, not {stored:#?}").into());
        }
    }
    Ok(expected.len())
}

fn with_tables_of(shop: &TestShop, program: Program) -> Program {
    let mut environment = program.environment;
    environment.extend(shop.environment());
    Program { environment, ..program }
}

fn answers(contestant: &Contestant) -> Result<Vec<Value>, Box<dyn Error>> {
    let process = Process::start(&contestant.program)?;
    let mut answers = Vec::new();
    for request in requests() {
        let payload = Bytes::from(request.invocation().payload.get().to_owned());
        let (_, answer) = process.invoke(&payload)?;
        answers.push(essence(&serde_json::from_slice(&answer)?)?);
    }
    Ok(answers)
}

/// Requests of every kind; two of them under one idempotency key that was used before.
fn requests() -> Vec<ApiRequest> {
    let place = |body: &str| ApiRequest::post("/order").header("X-Correlation-Id", "c-1").json(body);
    let keyed = |key: &str, body: &str| place(body).header("Idempotency-Key", key);
    let item = |item: &str| place(&format!(r#"{{"customerId":"001","items":[{item}]}}"#));
    let many = |count: usize| {
        let lines: Vec<_> = (0..count).map(|n| format!(r#"{{"productId":"p{n}","quantity":1}}"#)).collect();
        lines.join(",")
    };
    vec![
        place(ORDER),
        keyed("key-1", ORDER),
        keyed("key-1", ORDER),
        keyed("key-1", &ORDER.replace(":2}", ":3}")),
        keyed("key-2", &ORDER.replace("]}", r#"],"totalAmount":359.97}"#)),
        keyed(
            "key-3",
            r#"{"items":[{"productId":"002","quantity":1},{"productId":"001","quantity":4},
            {"quantity":6,"productId":"002"}],"customerId":"002"}"#,
        ),
        keyed("a b", ORDER),
        place(&ORDER.replace("]}", r#"],"totalAmount":359.96}"#)),
        place(&ORDER.replace("]}", r#"],"totalAmount":359.975}"#)),
        place(&ORDER.replace("]}", r#"],"totalAmount":-1}"#)),
        place(&ORDER.replace("]}", r#"],"totalAmount":"1"}"#)),
        place(&ORDER.replacen("001", "404", 1)),
        item(r#"{"productId":"404","quantity":1},{"productId":"405","quantity":1}"#),
        item(r#"{"productId":"001","quantity":0}"#),
        item(r#"{"productId":"001","quantity":-1}"#),
        item(r#"{"productId":"001","quantity":1.5}"#),
        item(r#"{"productId":"001","quantity":1001}"#),
        item(r#"{"productId":"001","quantity":"1"}"#),
        item(r#"{"productId":"001","quantity":true}"#),
        item(r#"{"productId":"001","quantity":1,"price":0.01}"#),
        item(r#"{"productId":"no such","quantity":1},{"quantity":1,"a b":1}"#),
        item(r#"{"productId":"001","quantity":999},{"productId":"001","quantity":2}"#),
        item("7"),
        item(""),
        item(&many(51)),
        place(r#"{"customerId":7,"items":{},"x":1}"#),
        place("{}"),
        place("[]"),
        place("{"),
        place(""),
        place(&format!("{}{ORDER}", " ".repeat(64 * 1024))),
        ApiRequest::post("/order")
            .header("X-Correlation-Id", "c-1")
            .header("Content-Type", "text/xml")
            .body("<order/>"),
        ApiRequest::post("/order").header("X-Correlation-Id", "c-1").base64_body(
            "eyJjdXN0b21lcklkIjoiMDAxIiwiaXRlbXMiOlt7InByb2R1Y3RJZCI6IjAwMSIsInF1YW50aXR5IjoxfV19",
        ),
    ]
}

/// What an answer must not differ in: not ids without a key, times, and words
/// that are for people.
fn essence(answer: &Value) -> Result<Value, Box<dyn Error>> {
    let mut body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
    let headers = &answer["headers"];
    let id = body["orderId"].as_str().unwrap_or_default().to_owned();
    let location = headers["location"].as_str().map(|location| location.replace(&id, "{orderId}"));
    for name in ["createdAt", "updatedAt"] {
        if let Some(time) = body.get_mut(name) {
            *time = json!(time.as_str().map(str::len));
        }
    }
    // Version 5 is for ids that are derived.
    if !id.is_empty() && id.as_bytes().get(14) != Some(&b'5') {
        body["orderId"] = json!(id.len());
    }
    if let Some(problem) = body.as_object_mut() {
        problem.remove("detail");
    }
    if let Some(errors) = body.get_mut("errors") {
        let faults: BTreeSet<_> = errors.as_array().into_iter().flatten().map(fault).collect();
        *errors = json!(faults);
    }
    Ok(json!({
        "status": answer["statusCode"],
        "type": headers["content-type"],
        "correlationId": headers["x-correlation-id"],
        "location": location,
        "body": body,
    }))
}

fn fault(error: &Value) -> (String, String) {
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("pointer"), text("rule"))
}

/// The orders whose ids are derived, but for the times of their making.
async fn orders(shop: &TestShop) -> Vec<Order> {
    let Some(seed) = shop.order("001").await else { return Vec::new() };
    let mut orders = shop.orders().await;
    orders.retain(|order| order.id.as_str().as_bytes().get(14) == Some(&b'5'));
    for order in &mut orders {
        (order.created_at, order.updated_at) = (seed.created_at, seed.created_at);
        if let Some(event) = &mut order.event {
            event.time = seed.created_at;
        }
    }
    orders
}
