//! End-to-end tests of a stack with empty tables, whose data comes from the API, from events of a
//! warehouse and from an earlier version. `make e2e` deploys the stack and runs them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_support::{Deployment, HttpResponse};

const JSON: (&str, &str) = ("content-type", "application/json");

/// A queue that receives all events of the bus.
struct Listener<'a> {
    deployment: &'a Deployment,
    queue: String,
}

impl<'a> Listener<'a> {
    fn start(deployment: &'a Deployment) -> Self {
        let created = deployment.aws(&["sqs", "create-queue", "--queue-name", "listener"]);
        let queue = created["QueueUrl"].as_str().unwrap().to_owned();
        let attributes =
            ["sqs", "get-queue-attributes", "--queue-url", &queue, "--attribute-names", "QueueArn"];
        let arn = deployment.aws(&attributes)["Attributes"]["QueueArn"].as_str().unwrap().to_owned();
        let rule = ["--name", "listener", "--event-bus-name", deployment.field("/eventBusName")];
        let pattern = json!({"source": [{"prefix": "ecommerce."}]}).to_string();
        let _ = deployment.aws(&[&["events", "put-rule", "--event-pattern", &pattern], &rule[..]].concat());
        let targets = json!([{"Id": "listener", "Arn": arn}]).to_string();
        let rule = ["--rule", "listener", "--event-bus-name", deployment.field("/eventBusName")];
        let put = deployment.aws(&[&["events", "put-targets", "--targets", &targets], &rule[..]].concat());
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
        Self { deployment, queue }
    }

    /// Receives events until every detail-type of `expected` has arrived, and returns all events.
    fn receive_until(&self, expected: &[&str]) -> Vec<Value> {
        let mut events = Vec::new();
        let mut missing: BTreeSet<&str> = expected.iter().copied().collect();
        for _ in 0..60 {
            let receive =
                ["sqs", "receive-message", "--max-number-of-messages", "10", "--wait-time-seconds", "1"];
            let received = self.deployment.try_aws(&[&receive[..], &["--queue-url", &self.queue]].concat());
            for message in received.iter().flat_map(|received| received["Messages"].as_array()).flatten() {
                let handle = message["ReceiptHandle"].as_str().unwrap();
                let delete =
                    ["sqs", "delete-message", "--queue-url", &self.queue, "--receipt-handle", handle];
                self.deployment.try_aws(&delete);
                let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                missing.remove(event["detail-type"].as_str().unwrap());
                events.push(event);
            }
            if missing.is_empty() {
                return events;
            }
        }
        panic!("{missing:?} did not arrive, only {events:?}");
    }
}

async fn put(deployment: &Deployment, path: &str, body: &Value) -> HttpResponse {
    deployment.call("PUT", path, &[JSON], body.to_string()).await
}

async fn delete(deployment: &Deployment, path: &str) -> u16 {
    deployment.call("DELETE", path, &[], "").await.status()
}

async fn adjust(deployment: &Deployment, product: &str, key: &str, delta: i32) -> HttpResponse {
    let path = format!("/inventory/{product}/adjustments");
    let body = json!({"delta": delta, "reason": "received", "note": "First delivery"});
    deployment.post_with(&path, &[JSON, ("idempotency-key", key)], body.to_string()).await
}

fn put_stock_received(deployment: &Deployment, receipt: &str, product: &str, quantity: u32) {
    let detail =
        json!({"receiptId": receipt, "productId": product, "quantity": quantity, "reason": "received"});
    let entries = json!([{
        "EventBusName": deployment.field("/eventBusName"),
        "Source": "ecommerce.warehouse",
        "DetailType": "StockReceived",
        "Detail": detail.to_string(),
    }]);
    let response = deployment.aws(&["events", "put-events", "--entries", &entries.to_string()]);
    assert_eq!(response["FailedEntryCount"], 0, "{response}");
}

async fn wait_for_stock(deployment: &Deployment, product: &str, quantity: u64) {
    deployment.get_until(&format!("/inventory/{product}"), |stock| stock["quantity"] == quantity).await;
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn an_empty_shop_needs_only_its_api() {
    let deployment = &Deployment::from_env();
    let listener = Listener::start(deployment);
    let customer = json!({"email": "carol@example.com", "name": "Carol Jones"});
    assert_eq!(put(deployment, "/customers/carol", &customer).await.status(), 201);
    for (product, name, price) in [("lamp", "Desk Lamp", 24.5), ("bulb", "Light Bulb", 3.25)] {
        let body = json!({"name": name, "price": price});
        assert_eq!(put(deployment, &format!("/products/{product}"), &body).await.status(), 201);
        for _ in 0..2 {
            let response = adjust(deployment, product, "delivery-1", 10).await;
            assert_eq!(response.status(), 201, "{}", response.body());
        }
        assert_eq!(deployment.stock_of(product).await, 10, "a repeated request adjusted the stock again");
    }
    let reorder = deployment.call("PATCH", "/inventory/lamp", &[JSON], r#"{"reorderPoint":8}"#).await;
    assert_eq!(reorder.status(), 200, "{}", reorder.body());

    let items = json!([{"productId": "lamp", "quantity": 2}, {"productId": "bulb", "quantity": 4}]);
    let order = deployment.place_order(&json!({"customerId": "carol", "items": items}).to_string()).await;
    deployment.wait_for_status(&order, "Confirmed").await;
    assert_eq!(deployment.stock_of("lamp").await, 8);
    let lists_order =
        |list: &Value| list["orders"].as_array().unwrap().iter().any(|entry| entry["orderId"] == order);
    deployment.get_until("/orders?status=Confirmed", lists_order).await;

    let shipment = r#"{"carrier":"DHL","trackingNumber":"JD014600003RU"}"#;
    let shipped = deployment.post(&format!("/order/{order}/ship"), shipment).await;
    assert_eq!(shipped.status(), 200, "{}", shipped.body());
    assert_eq!(shipped.json()["trackingNumber"], "JD014600003RU");
    let to_ship = deployment.get("/orders?status=Confirmed").await;
    assert!(!lists_order(&to_ship.json()), "{}", to_ship.body());

    let expected =
        ["InventoryUpdated", "BackInStock", "StockLow", "OrderPlaced", "OrderConfirmed", "OrderShipped"];
    let events = listener.receive_until(&expected);
    let detail = |kind: &str| &events.iter().find(|event| event["detail-type"] == kind).unwrap()["detail"];
    assert_eq!(
        detail("OrderConfirmed")["items"][0],
        json!({"productId": "lamp", "quantity": 2, "unitPrice": 24.5})
    );
    assert_eq!(detail("OrderConfirmed")["totalAmount"], 62.0);
    assert_eq!(detail("StockLow")["productId"], "lamp");
    assert_eq!(detail("OrderShipped")["trackingNumber"], "JD014600003RU");
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("carol@example.com") && !text.contains("Carol Jones"), "{text}");
    for path in ["/products/lamp", "/products/bulb", "/customers/carol"] {
        assert_eq!(delete(deployment, path).await, 204, "{path}");
    }
    let kept = deployment.get(&format!("/order/{order}")).await;
    assert_eq!((kept.status(), &kept.json()["customerId"]), (200, &json!("carol")));
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn applies_each_delivery_to_the_warehouse_once() {
    let deployment = &Deployment::from_env();
    assert_eq!(put(deployment, "/products/desk", &json!({"name": "Desk", "price": 199})).await.status(), 201);
    for _ in 0..3 {
        put_stock_received(deployment, "receipt-1", "desk", 30);
    }
    wait_for_stock(deployment, "desk", 30).await;
    put_stock_received(deployment, "receipt-2", "desk", 5);
    wait_for_stock(deployment, "desk", 35).await;
    let ledger = deployment
        .get_until("/inventory/desk/adjustments", |list| list["adjustments"].as_array().unwrap().len() == 2)
        .await;
    let deltas: Vec<_> =
        ledger["adjustments"].as_array().unwrap().iter().map(|entry| &entry["delta"]).collect();
    assert_eq!(deltas, [5, 30], "newest first");
    assert_eq!(delete(deployment, "/products/desk").await, 204);
}

/// Stores an item as an earlier version of the functions did.
fn put_item(deployment: &Deployment, table: &str, item: &Value) {
    let table = deployment.field(table);
    deployment.try_aws(&["dynamodb", "put-item", "--table-name", table, "--item", &item.to_string()]);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn completes_the_data_of_an_earlier_version() {
    let deployment = &Deployment::from_env();
    put_item(
        deployment,
        "/tables/inventory",
        &json!({"ProductId": {"S": "old"}, "Quantity": {"N": "1500000"}}),
    );
    let line = json!({"M": {"ProductId": {"S": "old"}, "Quantity": {"N": "7"}, "UnitPrice": {"N": "2"}}});
    let order = json!({
        "OrderId": {"S": "old-order"},
        "CustomerId": {"S": "old-customer"},
        "OrderStatus": {"S": "Confirmed"},
        "StockReserved": {"BOOL": true},
        "Items": {"L": [line]},
        "TotalAmount": {"N": "14"},
        "CreatedAt": {"S": "2025-01-01T00:00:00.000Z"},
        "UpdatedAt": {"S": "2025-01-01T00:00:01.000Z"},
    });
    put_item(deployment, "/tables/orders", &order);

    let first = deployment.run_tool("backfill", &[]);
    assert!(first.contains("1 confirmed orders") && first.contains("stock of 1 products"), "{first}");
    let to_ship = |list: &Value| list["orders"][0]["orderId"] == "old-order";
    deployment.get_until("/orders?status=Confirmed&limit=1", to_ship).await;
    let listed =
        |list: &Value| list["inventory"].as_array().unwrap().iter().any(|entry| entry["productId"] == "old");
    deployment.get_until("/inventory?limit=100", listed).await;
    let opening = deployment
        .get_until("/inventory/old/adjustments", |list| list["adjustments"].as_array().unwrap().len() == 2)
        .await;
    let deltas =
        opening["adjustments"].as_array().unwrap().iter().map(|entry| entry["delta"].as_i64().unwrap());
    assert_eq!(deltas.sum::<i64>(), 1_500_007, "the ledger covers stock on hand and orders");
    assert_eq!(deployment.stock_of("old").await, 1_500_000);

    let second = deployment.run_tool("backfill", &[]);
    assert!(second.contains("0 confirmed orders") && second.contains("stock of 0 products"), "{second}");
}
