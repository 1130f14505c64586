//! End-to-end tests of the logs and metrics of a deployed stack. `make e2e` deploys the stack and runs
//! them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Deployment, HttpResponse, MetricsRecorder};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
const ORDER_SERVICE: &str = "order-service";
const INVENTORY_SERVICE: &str = "inventory-service";

/// The maximum time until a log line arrives.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the output of a function.
fn output(deployment: &Deployment, function: &str) -> Vec<String> {
    let group = format!("/aws/lambda/{}/{function}", deployment.field("/stackName"));
    let response = deployment.aws(&["logs", "filter-log-events", "--log-group-name", &group]);
    let events = response["events"].as_array().expect("events of a log");
    events.iter().map(|event| event["message"].as_str().expect("a message").to_owned()).collect()
}

/// Returns a field of a log line.
fn field<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    line[name].as_str()
}

/// Returns the log lines of a function, without lines that have only metrics and those of the platform.
fn log(deployment: &Deployment, function: &str) -> Vec<Value> {
    let lines = output(deployment, function);
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.get("message").is_some()).collect()
}

/// Returns the log lines of a function with a correlation id.
fn lines_of(deployment: &Deployment, function: &str, correlation_id: &str) -> Vec<Value> {
    let lines = log(deployment, function).into_iter();
    lines.filter(|line| field(line, "correlationId") == Some(correlation_id)).collect()
}

/// Waits for a log line with a correlation id and a message, and returns it.
async fn line(deployment: &Deployment, function: &str, correlation_id: &str, message: &str) -> Value {
    let started = Instant::now();
    loop {
        let lines = lines_of(deployment, function, correlation_id);
        if let Some(found) = lines.iter().find(|line| line["message"] == message) {
            return found.clone();
        }
        assert!(started.elapsed() < TIMEOUT, "{function} has only logged {lines:?} with {correlation_id}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until the relay has published a number of events with a correlation id.
async fn wait_for_published(deployment: &Deployment, correlation_id: &str, count: usize) {
    let started = Instant::now();
    loop {
        let lines = lines_of(deployment, ORDER_SERVICE, correlation_id);
        let published = lines.iter().filter(|line| line["message"] == "published").count();
        if published >= count {
            return;
        }
        assert!(started.elapsed() < TIMEOUT, "only {published} events are published");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn place(deployment: &Deployment, headers: &[(&str, &str)]) -> HttpResponse {
    let headers: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
    let response = deployment.post_with("/order", &headers, ORDER).await;
    assert_eq!(response.status(), 201, "{}", response.body());
    response
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn one_correlation_id_traces_an_order_from_request_to_reservation() {
    let deployment = Deployment::from_env();
    let client_id = format!("e2e-{}", lambda::clock::unix_millis());
    for headers in [vec![("x-correlation-id", client_id.as_str())], Vec::new()] {
        let placed = place(&deployment, &headers).await;
        let id = placed.header("x-correlation-id").expect("a correlation id").to_owned();
        assert_eq!(id == client_id, !headers.is_empty(), "a client can set the correlation id");
        let order = placed.json()["orderId"].clone();

        let request_line = line(&deployment, ORDER_SERVICE, &id, "answered").await;
        let publish_line = line(&deployment, ORDER_SERVICE, &id, "published").await;
        let apply_line = line(&deployment, INVENTORY_SERVICE, &id, "applied").await;
        assert_eq!((&request_line["status"], &apply_line["outcome"]), (&json!(201), &json!("Confirmed")));
        let event = field(&request_line, "eventId").expect("the event of the order");
        for line in [&request_line, &publish_line, &apply_line] {
            assert_eq!(field(line, "orderId").map(Value::from).as_ref(), Some(&order), "{line}");
            assert_eq!(field(line, "eventId"), Some(event), "{line}");
        }
        let requests = [&request_line, &publish_line, &apply_line].map(|line| field(line, "requestId"));
        assert!(requests[0] != requests[1] && requests[1] != requests[2], "three invocations: {requests:?}");
    }
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn every_log_line_has_order_event_and_request_ids() {
    let deployment = Deployment::from_env();
    let placed = place(&deployment, &[]).await;
    let id = placed.header("x-correlation-id").expect("a correlation id").to_owned();
    line(&deployment, ORDER_SERVICE, &id, "published").await;
    line(&deployment, INVENTORY_SERVICE, &id, "applied").await;
    for function in [ORDER_SERVICE, INVENTORY_SERVICE] {
        let lines = log(&deployment, function);
        let has_id = |line: &&Value| field(line, "correlationId") == Some(&id);
        let requests: Vec<_> = lines.iter().filter(has_id).map(|line| field(line, "requestId")).collect();
        assert!(!requests.is_empty() && !requests.contains(&None), "{requests:?}");
        // Every line of these invocations has all fields.
        for line in lines.iter().filter(|line| requests.contains(&field(line, "requestId"))) {
            for name in ["timestamp", "level", "orderId", "eventId", "correlationId"] {
                assert!(field(line, name).is_some_and(|text| !text.is_empty()), "no {name} in {line}");
            }
            // X-Ray records a small share of the traces.
            assert!(field(line, "xrayTraceId").is_none_or(|trace| trace.contains("Sampled=1")), "{line}");
        }
    }
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn counts_an_order_once_in_each_metric() {
    let deployment = Deployment::from_env();
    let metrics = || {
        [ORDER_SERVICE, INVENTORY_SERVICE]
            .map(|function| MetricsRecorder::from_output(&output(&deployment, function)))
    };
    let status = |metrics: &MetricsRecorder, status: &str| {
        metrics.order_counts().get(status).copied().unwrap_or_default()
    };
    let [orders, inventory] = metrics();
    let before =
        (status(&orders, "Placed"), orders.values("OutboxLag").len(), status(&inventory, "Confirmed"));

    let id = place(&deployment, &[]).await.header("x-correlation-id").expect("an id").to_owned();
    line(&deployment, INVENTORY_SERVICE, &id, "applied").await;
    wait_for_published(&deployment, &id, 2).await;
    let [orders, inventory] = metrics();
    let after =
        (status(&orders, "Placed"), orders.values("OutboxLag").len(), status(&inventory, "Confirmed"));
    // OrderPlaced and OrderConfirmed were published.
    assert_eq!(after, (before.0 + 1, before.1 + 2, before.2 + 1));
    assert!(orders.values("OutboxLag").last().is_some_and(|lag| *lag < 60_000));
    assert_eq!(orders.dimensions()["Service"], [ORDER_SERVICE]);
}
