//! A check that the peers behave like OrderServiceFunction. Only then is the
//! comparison fair.

use std::collections::BTreeSet;
use std::error::Error;

use dynamodb::StoredOrder;
use hyper::body::Bytes;
use serde_json::{Value, json};
use test_support::{ApiRequest, TestShop};

use crate::process::Process;
use crate::target::{self, FunctionDirectory, ORDER_SERVICE, Target};

const EVENT: &str = "api-post-order";
const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

/// The normalized responses of a target, and the orders that it stored.
struct Behavior {
    responses: Vec<Value>,
    orders: Vec<StoredOrder>,
}

/// Sends the same requests to OrderServiceFunction and to every peer, each with
/// a shop of its own. Returns the number of requests.
///
/// # Errors
/// Fails at the first response or the first stored order that differs.
pub(crate) async fn check(functions: FunctionDirectory<'_>) -> Result<usize, Box<dyn Error>> {
    let mut shops = Vec::new();
    for _ in 0..4 {
        shops.push(TestShop::seeded().await);
    }
    let expected = behavior(&functions.target(ORDER_SERVICE, EVENT, &shops[0])?, &shops[0]).await?;
    let peers = [
        target::rust_peer(EVENT, &shops[1])?,
        target::node_peer(EVENT, &shops[2])?,
        target::python_peer(EVENT, &shops[3])?,
    ];
    for (peer, shop) in peers.iter().zip(&shops[1..]) {
        let actual = behavior(peer, shop).await?;
        for ((request, expected), actual) in requests().iter().zip(&expected.responses).zip(&actual.responses)
        {
            if expected != actual {
                return Err(
                    format!("{} responds to {request:?} with {actual}, not {expected}", peer.name).into()
                );
            }
        }
        if expected.orders != actual.orders {
            return Err(
                format!("{} stores {:#?}, not {:#?}", peer.name, actual.orders, expected.orders).into()
            );
        }
    }
    Ok(expected.responses.len())
}

async fn behavior(target: &Target, shop: &TestShop) -> Result<Behavior, Box<dyn Error>> {
    let process = Process::start(&target.program)?;
    let mut responses = Vec::new();
    for request in requests() {
        let payload = Bytes::from(request.invocation().payload.get().to_owned());
        let (_, response) = process.invoke(&payload)?;
        responses.push(normalize(&serde_json::from_slice(&response)?)?);
    }
    Ok(Behavior { responses, orders: comparable_orders(shop).await })
}

/// Returns valid requests and requests with every kind of error. Two of them
/// repeat an idempotency key.
fn requests() -> Vec<ApiRequest> {
    let place = |body: &str| ApiRequest::post("/order").header("X-Correlation-Id", "c-1").json(body);
    let keyed = |key: &str, body: &str| place(body).header("Idempotency-Key", key);
    let with_total = |total: &str| ORDER.replace("]}", &format!(r#"],"totalAmount":{total}}}"#));
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
        keyed("key-2", &with_total("359.97")),
        keyed(
            "key-3",
            r#"{"items":[{"productId":"002","quantity":1},{"productId":"001","quantity":4},
            {"quantity":6,"productId":"002"}],"customerId":"002"}"#,
        ),
        keyed("a b", ORDER),
        place(&with_total("359.96")),
        place(&with_total("359.975")),
        place(&with_total("-1")),
        place(&with_total(r#""1""#)),
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

/// Removes the parts of a response that may differ: random order ids, times,
/// and the details of problems.
fn normalize(response: &Value) -> Result<Value, Box<dyn Error>> {
    let mut body: Value = serde_json::from_str(response["body"].as_str().unwrap_or_default())?;
    let headers = &response["headers"];
    let id = body["orderId"].as_str().unwrap_or_default().to_owned();
    let location = headers["location"].as_str().map(|location| location.replace(&id, "{orderId}"));
    for name in ["createdAt", "updatedAt"] {
        if let Some(time) = body.get_mut(name) {
            *time = json!(time.as_str().map(str::len));
        }
    }
    if !id.is_empty() && !is_derived(&id) {
        body["orderId"] = json!(id.len());
    }
    if let Some(problem) = body.as_object_mut() {
        problem.remove("detail");
    }
    if let Some(errors) = body.get_mut("errors") {
        let violations: BTreeSet<_> = errors.as_array().into_iter().flatten().map(violation).collect();
        *errors = json!(violations);
    }
    Ok(json!({
        "status": response["statusCode"],
        "type": headers["content-type"],
        "correlationId": headers["x-correlation-id"],
        "location": location,
        "body": body,
    }))
}

/// Returns pointer and rule of a violation.
fn violation(error: &Value) -> (String, String) {
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("pointer"), text("rule"))
}

/// Returns true for a UUID of version 5, which is derived from an idempotency key.
fn is_derived(id: &str) -> bool {
    id.as_bytes().get(14) == Some(&b'5')
}

/// Returns the stored orders with derived ids, without their times.
async fn comparable_orders(shop: &TestShop) -> Vec<StoredOrder> {
    let Some(seed) = shop.order("001").await else { return Vec::new() };
    let mut orders = shop.stored_orders().await;
    orders.retain(|stored| is_derived(stored.order.id.as_str()));
    for StoredOrder { order, outbox, .. } in &mut orders {
        (order.created_at, order.updated_at) = (seed.created_at, seed.created_at);
        if let Some(event) = outbox {
            event.time = seed.created_at;
        }
    }
    orders
}
