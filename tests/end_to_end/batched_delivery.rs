//! End-to-end tests of a stack with EventDelivery=batched, where a queue delivers events to the
//! consumer. `make e2e` deploys the stack and runs them.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::Deployment;

const ORDERS: usize = 25;
const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;

async fn stock(deployment: &Deployment) -> u64 {
    deployment.get("/inventory/001").await.json()["quantity"].as_u64().unwrap()
}

async fn place(deployment: &Deployment) -> String {
    let response = deployment.post("/order", ORDER).await;
    assert_eq!(response.status(), 201, "{}", response.body());
    response.json()["orderId"].as_str().unwrap().to_owned()
}

async fn wait_for(deployment: &Deployment, order: &str, status: &str) {
    deployment.get_until(&format!("/order/{order}"), |order| order["orderStatus"] == status).await;
}

fn resource(deployment: &Deployment, logical_id: &str) -> String {
    let stack = deployment.field("/stackName");
    let arguments = ["--stack-name", stack, "--logical-resource-id", logical_id];
    let response = deployment.aws(&[&["cloudformation", "describe-stack-resource"], &arguments[..]].concat());
    response["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap().to_owned()
}

/// Waits until the queue has no messages, including those in flight.
async fn wait_until_empty(deployment: &Deployment, queue: &str) {
    let arguments = ["sqs", "get-queue-attributes", "--attribute-names", "All", "--queue-url", queue];
    for _ in 0..300 {
        let attributes = &deployment.aws(&arguments)["Attributes"];
        let count = |name: &str| attributes[name].clone();
        let waiting = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"].map(count);
        if waiting == [json!("0"), json!("0")] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the queue does not become empty");
}

#[tokio::test]
#[ignore = "needs a deployed stack with EventDelivery=batched: make e2e"]
async fn confirms_and_cancels_orders_through_the_queue() {
    let deployment = Deployment::from_env();
    let queue = resource(&deployment, "OrderEventQueue");
    let bus = deployment.field("/eventBusName");
    let rules: Value = deployment.aws(&["events", "list-rules", "--event-bus-name", bus]);
    let rules = rules["Rules"].as_array().unwrap();
    let targets: Vec<String> = rules
        .iter()
        .flat_map(|rule| {
            let name = rule["Name"].as_str().unwrap();
            let arguments = ["events", "list-targets-by-rule", "--event-bus-name", bus, "--rule", name];
            deployment.aws(&arguments)["Targets"].as_array().unwrap().clone()
        })
        .map(|target| target["Arn"].as_str().unwrap().to_owned())
        .collect();
    assert!(targets.len() == 2 && targets.iter().all(|arn| arn.contains(":sqs:")), "{targets:?}");

    let before = stock(&deployment).await;
    let orders = join_all((0..ORDERS).map(|_| place(&deployment))).await;
    for order in &orders {
        wait_for(&deployment, order, "Confirmed").await;
    }
    assert_eq!(stock(&deployment).await, before - ORDERS as u64);

    for order in &orders {
        let response = deployment.post(&format!("/order/{order}/cancel"), "").await;
        assert_eq!(response.status(), 200, "{}", response.body());
    }
    for _ in 0..300 {
        if stock(&deployment).await == before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(stock(&deployment).await, before);
    wait_until_empty(&deployment, &queue).await;
}
