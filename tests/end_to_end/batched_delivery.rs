//! End-to-end tests of a stack with EventDelivery=batched, where a queue delivers events to the
//! consumer. `make e2e` deploys the stack and runs them.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::Deployment;

const ORDERS: usize = 25;
const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;

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
    let queue = deployment.physical_id("OrderEventQueue");
    let bus = deployment.field("/eventBusName");
    let rules: Value = deployment.aws(&["events", "list-rules", "--event-bus-name", bus]);
    let names = rules["Rules"].as_array().unwrap().iter().map(|rule| rule["Name"].as_str().unwrap());
    let rule = names.into_iter().find(|name| name.contains("OrderEventRule")).unwrap();
    let arguments = ["events", "list-targets-by-rule", "--event-bus-name", bus, "--rule", rule];
    let targets = deployment.aws(&arguments)["Targets"].clone();
    let arns: Vec<_> =
        targets.as_array().unwrap().iter().map(|target| target["Arn"].as_str().unwrap()).collect();
    assert!(arns.len() == 1 && arns[0].contains("OrderEventQueue"), "{arns:?}");

    let before = deployment.stock_of("001").await;
    let orders = join_all((0..ORDERS).map(|_| deployment.place_order(ORDER))).await;
    for order in &orders {
        deployment.wait_for_status(order, "Confirmed").await;
    }
    assert_eq!(deployment.stock_of("001").await, before - ORDERS as u64);

    for order in &orders {
        let response = deployment.post(&format!("/order/{order}/cancel"), "").await;
        assert_eq!(response.status(), 200, "{}", response.body());
    }
    for _ in 0..300 {
        if deployment.stock_of("001").await == before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(deployment.stock_of("001").await, before);
    wait_until_empty(&deployment, &queue).await;
}
