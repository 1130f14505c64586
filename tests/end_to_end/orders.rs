//! End-to-end tests of a stack with an open API. `make e2e` deploys the stack and runs them.

use std::fs;

use serde_json::{Value, json};
use test_support::Deployment;

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

async fn stocks(deployment: &Deployment) -> [u64; 2] {
    [deployment.stock_of("001").await, deployment.stock_of("002").await]
}

async fn change(deployment: &Deployment, order: &str, action: &str, status: &str) {
    let response = deployment.post(&format!("/order/{order}/{action}"), "").await;
    assert_eq!(
        (response.status(), &response.json()["orderStatus"]),
        (200, &json!(status)),
        "{}",
        response.body()
    );
}

/// Returns the stored item of an order.
fn item(deployment: &Deployment, order: &str) -> Value {
    let key = json!({"OrderId": {"S": order}}).to_string();
    let table = deployment.field("/tables/orders");
    deployment.aws(&["dynamodb", "get-item", "--consistent-read", "--table-name", table, "--key", &key])["Item"].clone()
}

/// Waits until the event of an order's last change is applied.
async fn wait_until_processed(deployment: &Deployment, order: &str) {
    for _ in 0..300 {
        let kind = item(deployment, order)["Event"]["M"]["Type"]["S"].clone();
        // An order keeps an event that no function applies.
        if kind.is_null() || kind == "OrderConfirmed" || kind == "OrderRejected" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("the outbox of {order} is not cleared");
}

/// Publishes the event in a file of `events/`, for another order if one is given.
fn put_event(deployment: &Deployment, name: &str, order: Option<&str>) {
    let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let event: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut detail = event["detail"].clone();
    if let Some(order) = order {
        detail["orderId"] = order.into();
    }
    let entries = json!([{
        "EventBusName": deployment.field("/eventBusName"),
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": detail.to_string(),
    }]);
    let response = deployment.aws(&["events", "put-events", "--entries", &entries.to_string()]);
    assert_eq!(response["FailedEntryCount"], 0, "{response}");
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn every_route_responds() {
    let deployment = Deployment::from_env();
    assert!(deployment.field("/apiAccess").starts_with("OPEN TO EVERYBODY"));
    assert_eq!(deployment.get("/hello").await.body(), r#"{"message":"hello world"}"#);

    let placed = deployment.post("/order", ORDER).await;
    assert_eq!(placed.status(), 201, "{}", placed.body());
    assert_eq!(placed.header("content-type"), Some("application/json"));
    let id = placed.json()["orderId"].as_str().unwrap().to_owned();
    let location = placed.header("location").unwrap();
    assert!(location.ends_with(&format!("/order/{id}")), "{location}");
    assert!(placed.body().contains(r#""totalAmount":359.97"#), "{}", placed.body());
    deployment.wait_for_status(&id, "Confirmed").await;
    change(&deployment, &id, "ship", "Shipped").await;
    change(&deployment, &id, "deliver", "Delivered").await;
    let rejected = deployment.post(&format!("/order/{id}/cancel"), "").await;
    assert_eq!((rejected.status(), rejected.header("content-type")), (409, Some("application/problem+json")));

    let orders = deployment.get("/customers/001/orders?limit=1").await;
    assert_eq!(orders.json()["orders"][0]["orderId"], json!(id), "{}", orders.body());
    let next = orders.json()["nextToken"].as_str().unwrap().to_owned();
    let second = deployment.get(&format!("/customers/001/orders?limit=1&nextToken={next}")).await;
    assert_eq!(second.status(), 200);
    assert_ne!(second.json()["orders"][0]["orderId"], json!(id));

    let products = deployment.get("/products").await;
    assert_eq!(products.json()["products"].as_array().unwrap().len(), 2, "{}", products.body());
    let headphones = r#"{"productId":"001","name":"Wireless Headphones","price":79.99}"#;
    assert_eq!(deployment.get("/products/001").await.body(), headphones);
    assert!(deployment.stock_of("001").await <= 150);

    for unknown in ["/order/404", "/customers/404/orders", "/products/404", "/inventory/404"] {
        let response = deployment.get(unknown).await;
        assert_eq!((response.status(), response.json()["status"].as_u64()), (404, Some(404)), "{unknown}");
    }
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn rejects_invalid_requests_and_changes_nothing() {
    let deployment = Deployment::from_env();
    let before = stocks(&deployment).await;
    let cases = [
        ("{".to_owned(), 400),
        (ORDER.replace("2}", "0}"), 422),
        (ORDER.replace("2}", "2,\"price\":0.01}"), 422),
        (ORDER.replace("\"001\",\"items\"", "\"404\",\"items\""), 422),
        (ORDER.replace("]}", "],\"totalAmount\":1}"), 409),
        (format!("{}{ORDER}", " ".repeat(1024 * 1024)), 413),
    ];
    for (body, status) in cases {
        let response = deployment.post("/order", body).await;
        assert_eq!(response.status(), status, "{}", response.body());
        assert!(response.json()["type"].as_str().unwrap().starts_with("urn:problem-type:ecommerce:"));
    }
    let response = deployment.post_with("/order", &[("content-type", "text/plain")], ORDER).await;
    assert_eq!(response.status(), 415);
    assert_eq!(stocks(&deployment).await, before);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn creates_one_order_for_a_retry_with_the_same_key() {
    let deployment = Deployment::from_env();
    let headers = [("content-type", "application/json"), ("idempotency-key", "e2e-key-1")];
    let first = deployment.post_with("/order", &headers, ORDER).await;
    assert_eq!(first.status(), 201, "{}", first.body());
    let id = first.json()["orderId"].as_str().unwrap().to_owned();
    deployment.wait_for_status(&id, "Confirmed").await;
    let second = deployment.post_with("/order", &headers, ORDER).await;
    assert_eq!((second.status(), second.body()), (201, first.body()));
    let other = deployment.post_with("/order", &headers, ORDER.replace("2}", "3}")).await;
    assert_eq!(other.status(), 422, "{}", other.body());
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn delivers_an_order_and_keeps_its_stock_reserved() {
    let deployment = Deployment::from_env();
    let [one, two] = stocks(&deployment).await;
    let id = deployment.place_order(ORDER).await;
    deployment.wait_for_status(&id, "Confirmed").await;
    assert_eq!(stocks(&deployment).await, [one - 2, two - 1]);
    for (action, status) in [("ship", "Shipped"), ("deliver", "Delivered")] {
        change(&deployment, &id, action, status).await;
        wait_until_processed(&deployment, &id).await;
        deployment.wait_for_status(&id, status).await;
    }
    assert_eq!(stocks(&deployment).await, [one - 2, two - 1]);
    assert_eq!(item(&deployment, &id)["StockReserved"], json!({"BOOL": true}));
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn releases_the_stock_of_a_canceled_order() {
    let deployment = Deployment::from_env();
    let before = stocks(&deployment).await;
    let id = deployment.place_order(ORDER).await;
    deployment.wait_for_status(&id, "Confirmed").await;
    assert_ne!(stocks(&deployment).await, before);
    change(&deployment, &id, "cancel", "Canceled").await;
    wait_until_processed(&deployment, &id).await;
    assert_eq!(stocks(&deployment).await, before);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn rejects_an_order_that_exceeds_the_stock_and_reserves_nothing() {
    let deployment = Deployment::from_env();
    let before = stocks(&deployment).await;
    let id = deployment.place_order(&ORDER.replace("2}", "1000}")).await;
    let order = deployment.wait_for_status(&id, "Rejected").await;
    let shortages = json!([{"productId": "001", "requested": 1000, "available": before[0]}]);
    assert_eq!(order["shortages"], shortages);
    assert_eq!(stocks(&deployment).await, before);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn applies_the_sample_events_of_another_producer() {
    let deployment = Deployment::from_env();
    let [one, two] = stocks(&deployment).await;
    for (name, status) in
        [("order-placed", "Confirmed"), ("order-shipped", "Shipped"), ("order-delivered", "Delivered")]
    {
        put_event(&deployment, name, None);
        deployment.wait_for_status("001", status).await;
    }
    assert_eq!(stocks(&deployment).await, [one - 1, two - 1]);

    // An order of another producer is reserved too, and then canceled.
    put_event(&deployment, "order-placed", Some("e2e-external"));
    deployment.wait_for_status("e2e-external", "Confirmed").await;
    assert_eq!(stocks(&deployment).await, [one - 2, two - 2]);
    put_event(&deployment, "order-canceled", Some("e2e-external"));
    deployment.wait_for_status("e2e-external", "Canceled").await;
    assert_eq!(stocks(&deployment).await, [one - 1, two - 1]);
    // A delivered order cannot be canceled.
    put_event(&deployment, "order-canceled", None);
    put_event(&deployment, "order-placed", Some("e2e-after"));
    deployment.wait_for_status("e2e-after", "Confirmed").await;
    deployment.wait_for_status("001", "Delivered").await;
}
