//! End-to-end tests of OrderEventQueue: an update of a stack whose rule sent every event to the
//! queue, events that the function has sent to it, and events that can never be applied. `make e2e`
//! deploys both stacks and runs each test on its stack.
//!
//! Local engines do not simulate contention, so no event gets into the queue by itself here.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::Deployment;

const PRODUCT: &str = "queued";
const INITIAL_STOCK: u64 = 40;
const ORDERS: usize = 25;

/// The maximum number of polls of a queue.
const MAX_POLLS: usize = 300;

async fn add_product(deployment: &Deployment) {
    let json = ("content-type", "application/json");
    let body = json!({"name": "Queued", "price": 1.50}).to_string();
    let put = deployment.call("PUT", &format!("/products/{PRODUCT}"), &[json], body).await;
    assert_eq!(put.status(), 201, "{}", put.body());
    let headers = [json, ("idempotency-key", "initial-stock")];
    let body = json!({"delta": INITIAL_STOCK, "reason": "received"}).to_string();
    let added = deployment.post_with(&format!("/inventory/{PRODUCT}/adjustments"), &headers, body).await;
    assert_eq!(added.status(), 201, "{}", added.body());
}

/// Returns the numbers of waiting messages and of messages in flight.
fn count_messages(deployment: &Deployment, queue: &str) -> [usize; 2] {
    let arguments = ["sqs", "get-queue-attributes", "--attribute-names", "All", "--queue-url", queue];
    let attributes = deployment.aws(&arguments)["Attributes"].clone();
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        .map(|name| attributes[name].as_str().unwrap().parse().unwrap())
}

async fn wait_for_messages(deployment: &Deployment, queue: &str, expected: [usize; 2]) {
    for _ in 0..MAX_POLLS {
        if count_messages(deployment, queue) == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{queue} has {:?} messages, not {expected:?}", count_messages(deployment, queue));
}

async fn wait_for_stock(deployment: &Deployment, expected: u64) {
    let path = format!("/inventory/{PRODUCT}");
    deployment.get_until(&path, |stock| stock["quantity"] == expected).await;
}

/// Returns the ids of the product's orders.
async fn order_ids(deployment: &Deployment) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = "/customers/001/orders?limit=100".to_owned();
    loop {
        let page = deployment.get(&path).await.json();
        let orders = page["orders"].as_array().unwrap();
        let of_product = orders.iter().filter(|order| order["items"][0]["productId"] == PRODUCT);
        ids.extend(of_product.map(|order| order["orderId"].as_str().unwrap().to_owned()));
        match page["nextToken"].as_str() {
            Some(token) => path = format!("/customers/001/orders?limit=100&nextToken={token}"),
            None => return ids,
        }
    }
}

fn event(kind: &str, order: &str) -> Value {
    let mut detail = json!({"detailType": kind, "orderId": order, "orderStatus": kind});
    if kind == "OrderPlaced" {
        detail["customerId"] = "001".into();
        detail["items"] = json!([{"productId": PRODUCT, "quantity": 1}]);
        detail["totalAmount"] = json!(1.5);
    }
    json!({"version": "0", "id": "e2e", "source": "ecommerce.order", "detail-type": kind,
        "account": "000000000000", "time": "2025-01-01T00:00:00Z", "region": "eu-central-1", "resources": [],
        "detail": detail})
}

fn send(deployment: &Deployment, queue: &str, body: &str) {
    deployment.try_aws(&["sqs", "send-message", "--queue-url", queue, "--message-body", body]);
}

#[tokio::test]
#[ignore = "needs a stack whose rule sends events to the queue: make e2e"]
async fn events_wait_in_the_queue_of_an_earlier_version() {
    let deployment = Deployment::from_env();
    add_product(&deployment).await;
    let body = json!({"customerId": "001", "items": [{"productId": PRODUCT, "quantity": 1}]}).to_string();
    let orders = join_all((0..ORDERS).map(|_| deployment.place_order(&body))).await;
    wait_for_messages(&deployment, &deployment.physical_id("OrderEventQueue"), [ORDERS, 0]).await;
    let first = deployment.get(&format!("/order/{}", orders[0])).await.json();
    assert_eq!(first["orderStatus"], "Placed");
    assert_eq!(deployment.stock_of(PRODUCT).await, INITIAL_STOCK);
}

#[tokio::test]
#[ignore = "needs the stack above, updated: make e2e"]
async fn an_update_applies_each_waiting_event_once() {
    let deployment = Deployment::from_env();
    let queue = deployment.physical_id("OrderEventQueue");
    let orders = order_ids(&deployment).await;
    assert_eq!(orders.len(), ORDERS);
    for order in &orders {
        deployment.wait_for_status(order, "Confirmed").await;
    }
    assert_eq!(deployment.stock_of(PRODUCT).await, INITIAL_STOCK - ORDERS as u64);

    // New events reach the function directly: nothing receives from the queue so fast.
    let body = json!({"customerId": "001", "items": [{"productId": PRODUCT, "quantity": 1}]}).to_string();
    let direct = deployment.place_order(&body).await;
    deployment.wait_for_status(&direct, "Confirmed").await;

    // An event that the function has sent to the queue, twice, and its repetition.
    for _ in 0..2 {
        send(&deployment, &queue, &event("OrderPlaced", "sent-to-the-queue").to_string());
        send(&deployment, &queue, &event("OrderPlaced", &orders[0]).to_string());
    }
    deployment.wait_for_status("sent-to-the-queue", "Confirmed").await;
    wait_for_messages(&deployment, &queue, [0, 0]).await;
    let remaining = INITIAL_STOCK - ORDERS as u64 - 2;
    assert_eq!(deployment.stock_of(PRODUCT).await, remaining);

    for order in &orders {
        let response = deployment.post(&format!("/order/{order}/cancel"), "").await;
        assert_eq!(response.status(), 200, "{}", response.body());
    }
    wait_for_stock(&deployment, remaining + ORDERS as u64).await;
    assert_eq!(count_messages(&deployment, deployment.field("/deadLetterQueueUrl")), [0, 0]);

    // Events that can never be applied get to the dead-letter queue at once, with their reasons.
    let dead_letters = deployment.field("/deadLetterQueueUrl");
    send(&deployment, &queue, "not an event");
    send(&deployment, &queue, &event("OrderShipped", &orders[0]).to_string());
    wait_for_messages(&deployment, dead_letters, [2, 0]).await;
    wait_for_messages(&deployment, &queue, [0, 0]).await;
    let receive = ["sqs", "receive-message", "--max-number-of-messages", "10", "--visibility-timeout", "0"];
    let received = deployment.aws(&[&receive[..], &["--queue-url", dead_letters]].concat());
    let mut error_types: Vec<_> = received["Messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
        .map(|letter: Value| letter["responsePayload"]["errorType"].as_str().unwrap().to_owned())
        .collect();
    error_types.sort_unstable();
    assert_eq!(error_types, ["IllegalTransition", "MalformedEvent"]);
    let report = deployment.run_tool("redrive", &[]);
    assert!(report.contains("IllegalTransition") && report.contains("left: would come back"), "{report}");
    assert!(report.contains("left: contains no event"), "{report}");
    deployment.try_aws(&["sqs", "purge-queue", "--queue-url", dead_letters]);
}
