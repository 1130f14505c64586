//! What operators see of the deployed system, in its logs: `make e2e` deploys it
//! and runs these.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Deployment, HttpResponse, MetricsRecorder};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
const ORDER_SERVICE: &str = "order-service";
const INVENTORY_SERVICE: &str = "inventory-service";

/// How long it may take until what a function wrote is in its log.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that a function has written to standard output.
fn output(deployment: &Deployment, function: &str) -> Vec<String> {
    let group = format!("/aws/lambda/{}/{function}", deployment.field("/stackName"));
    let answer = deployment.aws(&["logs", "filter-log-events", "--log-group-name", &group]);
    let events = answer["events"].as_array().expect("events of a log");
    events.iter().map(|event| event["message"].as_str().expect("a message").to_owned()).collect()
}

/// What a log line says under a name, itself or one of the spans that it is in.
fn field<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    let spans = line["spans"].as_array().into_iter().flatten();
    std::iter::once(line).chain(spans).find_map(|object| object[name].as_str())
}

/// The log lines of a function: neither its metrics nor what the platform adds.
fn log(deployment: &Deployment, function: &str) -> Vec<Value> {
    let lines = output(deployment, function);
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.get("_aws").is_none()).collect()
}

/// The log lines of a function that carry a correlation id.
fn lines_of(deployment: &Deployment, function: &str, correlation_id: &str) -> Vec<Value> {
    let lines = log(deployment, function).into_iter();
    lines.filter(|line| field(line, "correlationId") == Some(correlation_id)).collect()
}

/// Waits for the line with a message among those that carry a correlation id.
async fn line(deployment: &Deployment, function: &str, correlation_id: &str, message: &str) -> Value {
    let began = Instant::now();
    loop {
        let lines = lines_of(deployment, function, correlation_id);
        if let Some(found) = lines.iter().find(|line| line["message"] == message) {
            return found.clone();
        }
        assert!(began.elapsed() < PATIENCE, "{function} has only written {lines:?} under {correlation_id}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn place(deployment: &Deployment, headers: &[(&str, &str)]) -> HttpResponse {
    let headers: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
    let answer = deployment.post_with("/order", &headers, ORDER).await;
    assert_eq!(answer.status(), 201, "{}", answer.body());
    answer
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn an_order_is_traced_by_one_id_from_its_request_to_its_stock() {
    let deployment = Deployment::from_env();
    let chosen = format!("e2e-{}", lambda::clock::unix_millis());
    for headers in [vec![("x-correlation-id", chosen.as_str())], Vec::new()] {
        let placed = place(&deployment, &headers).await;
        let id = placed.header("x-correlation-id").expect("a correlation id").to_owned();
        assert_eq!(id == chosen, !headers.is_empty(), "a client may choose it");
        let order = placed.json()["orderId"].clone();

        let answered = line(&deployment, ORDER_SERVICE, &id, "answered").await;
        let published = line(&deployment, ORDER_SERVICE, &id, "published").await;
        let applied = line(&deployment, INVENTORY_SERVICE, &id, "applied").await;
        assert_eq!((&answered["status"], &applied["outcome"]), (&json!(201), &json!("Confirmed")));
        let event = field(&answered, "eventId").expect("the event that the order calls for");
        for line in [&answered, &published, &applied] {
            assert_eq!(field(line, "orderId").map(Value::from).as_ref(), Some(&order), "{line}");
            assert_eq!(field(line, "eventId"), Some(event), "{line}");
        }
        let requests = [&answered, &published, &applied].map(|line| field(line, "requestId"));
        assert!(requests[0] != requests[1] && requests[1] != requests[2], "three invocations: {requests:?}");
    }
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn every_line_tells_its_order_event_request_and_trace() {
    let deployment = Deployment::from_env();
    let placed = place(&deployment, &[]).await;
    let id = placed.header("x-correlation-id").expect("a correlation id").to_owned();
    line(&deployment, ORDER_SERVICE, &id, "published").await;
    line(&deployment, INVENTORY_SERVICE, &id, "applied").await;
    for function in [ORDER_SERVICE, INVENTORY_SERVICE] {
        let lines = log(&deployment, function);
        let about = |line: &&Value| field(line, "correlationId") == Some(&id);
        let requests: Vec<_> = lines.iter().filter(about).map(|line| field(line, "requestId")).collect();
        assert!(!requests.is_empty() && !requests.contains(&None), "{requests:?}");
        // All that was written by those invocations, whatever else it may lack.
        for line in lines.iter().filter(|line| requests.contains(&field(line, "requestId"))) {
            for name in ["timestamp", "level", "orderId", "eventId", "correlationId"] {
                assert!(field(line, name).is_some_and(|text| !text.is_empty()), "no {name} in {line}");
            }
            assert!(field(line, "xrayTraceId").is_some_and(|trace| trace.starts_with("Root=1-")), "{line}");
        }
    }
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn an_order_shows_once_in_each_metric_that_it_concerns() {
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
    line(&deployment, ORDER_SERVICE, &id, "published").await;
    line(&deployment, INVENTORY_SERVICE, &id, "applied").await;
    let [orders, inventory] = metrics();
    let after =
        (status(&orders, "Placed"), orders.values("OutboxLag").len(), status(&inventory, "Confirmed"));
    assert_eq!(after, (before.0 + 1, before.1 + 1, before.2 + 1));
    assert!(orders.values("OutboxLag").last().is_some_and(|lag| *lag < 60_000));
    assert_eq!(orders.dimensions()["Service"], [ORDER_SERVICE]);
}
