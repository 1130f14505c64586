//! What can never be handled, in the deployed system: `make e2e` deploys it and
//! runs these. Each ends in the dead-letter queue once, with its reason, and can
//! be redriven from there.
//!
//! The local AWS tries again and keeps what fails only where a function is
//! invoked directly, not behind a rule of the bus. So the events are handed to
//! the consumer as a rule would hand them over.

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::Deployment;

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
const EVENTS: &str = "/deadLetterQueueUrl";
const STRETCHES: &str = "/relayDeadLetterQueueUrl";

/// A step must come true within this time.
const PATIENCE: Duration = Duration::from_secs(60);

fn envelope(detail_type: &str, detail: &Value) -> Value {
    json!({"version": "0", "id": "e2e", "source": "ecommerce.order", "detail-type": detail_type,
        "account": "000000000000", "time": "2025-01-01T00:00:00Z", "region": "eu-central-1", "resources": [],
        "detail": detail})
}

/// Hands an event to the consumer as a rule of the bus does.
fn hand_over(deployment: &Deployment, event: &Value) {
    let function = deployment.field("/functions/InventoryServiceFunction");
    let payload = event.to_string();
    let invoke = ["lambda", "invoke", "--function-name", function, "--invocation-type", "Event"];
    let answer = deployment.aws(&[&invoke[..], &["--payload", &payload, "/dev/null"]].concat());
    assert_eq!(answer["StatusCode"], 202, "{answer}");
}

fn put_event(deployment: &Deployment, detail_type: &str, detail: &Value) {
    let entries = json!([{"EventBusName": deployment.field("/eventBusName"), "Source": "ecommerce.order",
        "DetailType": detail_type, "Detail": detail.to_string()}]);
    let answer = deployment.aws(&["events", "put-events", "--entries", &entries.to_string()]);
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
}

fn send(deployment: &Deployment, queue: &str, body: &Value) {
    let url = deployment.field(queue);
    deployment.try_aws(&["sqs", "send-message", "--queue-url", url, "--message-body", &body.to_string()]);
}

/// What a queue holds. Everything stays readable for others.
fn messages(deployment: &Deployment, queue: &str) -> Vec<Value> {
    let url = deployment.field(queue);
    let receive = ["sqs", "receive-message", "--queue-url", url, "--visibility-timeout", "0"];
    let receive = [&receive[..], &["--max-number-of-messages", "10"]].concat();
    let answer = deployment.try_aws(&receive).unwrap_or_default();
    let bodies = answer["Messages"].as_array().cloned().unwrap_or_default();
    let mut bodies: Vec<Value> =
        bodies.iter().map(|one| serde_json::from_str(one["Body"].as_str().unwrap()).unwrap()).collect();
    bodies.sort_by_key(error_type);
    bodies
}

/// Waits until a queue holds so many messages.
async fn wait_for_messages(deployment: &Deployment, queue: &str, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let found = messages(deployment, queue);
        if found.len() >= count || began.elapsed() > PATIENCE {
            assert_eq!(found.len(), count, "{found:?}");
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn error_type(message: &Value) -> String {
    message["responsePayload"]["errorType"].as_str().unwrap_or_default().to_owned()
}

/// Runs the project's tool; what it shows.
fn redrive(deployment: &Deployment, arguments: &[&str]) -> String {
    let python = env::var("E2E_PYTHON").expect("E2E_PYTHON names the Python of the tools; see `make e2e`");
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/redrive.py");
    let output = Command::new(python)
        .args([tool, "--local-stack", deployment.description_path()])
        .args(arguments)
        .output()
        .expect("the tool");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    shown
}

fn item(deployment: &Deployment, order: &str) -> Value {
    let key = json!({"OrderId": {"S": order}}).to_string();
    let table = deployment.field("/tables/orders");
    deployment.aws(&["dynamodb", "get-item", "--consistent-read", "--table-name", table, "--key", &key])["Item"].clone()
}

async fn stock(deployment: &Deployment) -> u64 {
    deployment.get("/inventory/001").await.json()["quantity"].as_u64().unwrap()
}

async fn place(deployment: &Deployment) -> String {
    let answer = deployment.post("/order", ORDER).await;
    assert_eq!(answer.status(), 201, "{}", answer.body());
    answer.json()["orderId"].as_str().unwrap().to_owned()
}

async fn wait_for(deployment: &Deployment, order: &str, status: &str) {
    deployment.get_until(&format!("/order/{order}"), |order| order["orderStatus"] == status).await;
}

/// Places an order and waits until it is confirmed: what went before holds nobody up.
async fn place_behind(deployment: &Deployment) -> String {
    let order = place(deployment).await;
    wait_for(deployment, &order, "Confirmed").await;
    order
}

/// Leaves both queues as they are to be found by the next test.
fn empty_queues(deployment: &Deployment) {
    for queue in [EVENTS, STRETCHES] {
        deployment.try_aws(&["sqs", "purge-queue", "--queue-url", deployment.field(queue)]);
    }
}

/// Whether the relay is handed what the stream has.
async fn set_relay(deployment: &Deployment, enabled: bool) {
    let function = deployment.field("/functions/OrderServiceFunction");
    let list = deployment.aws(&["lambda", "list-event-source-mappings", "--function-name", function]);
    let id = list["EventSourceMappings"][0]["UUID"].as_str().unwrap().to_owned();
    let flag = if enabled { "--enabled" } else { "--no-enabled" };
    deployment.try_aws(&["lambda", "update-event-source-mapping", "--uuid", &id, flag]);
    // A batch may be under way.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// The newest record of the stream: ARN, shard and sequence number.
fn newest_record(deployment: &Deployment) -> [String; 3] {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let table = deployment.field("/tables/orders");
    let streams = deployment.aws(&["dynamodbstreams", "list-streams", "--table-name", table]);
    let arn = text(&streams["Streams"][0]["StreamArn"]);
    let stream = deployment.aws(&["dynamodbstreams", "describe-stream", "--stream-arn", &arn]);
    let shard = text(&stream["StreamDescription"]["Shards"][0]["ShardId"]);
    let from = ["dynamodbstreams", "get-shard-iterator", "--stream-arn", &arn, "--shard-id", &shard];
    let iterator = deployment.aws(&[&from[..], &["--shard-iterator-type", "TRIM_HORIZON"]].concat());
    let mut iterator = text(&iterator["ShardIterator"]);
    let mut newest = None;
    loop {
        let answer = deployment.aws(&["dynamodbstreams", "get-records", "--shard-iterator", &iterator]);
        match answer["Records"].as_array().unwrap().last() {
            Some(record) => newest = Some(text(&record["dynamodb"]["SequenceNumber"])),
            None => return [arn, shard, newest.expect("a record")],
        }
        iterator = text(&answer["NextShardIterator"]);
    }
}

/// What Lambda writes down of a stretch of a stream that it has given up.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
fn given_up([arn, shard, number]: &[String; 3]) -> Value {
    json!({
        "requestContext": {"requestId": "e2e", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 101},
        "version": "1.0",
        "DDBStreamBatchInfo": {"shardId": shard, "startSequenceNumber": number, "endSequenceNumber": number,
            "approximateArrivalOfFirstRecord": "2025-01-01T00:00:00Z",
            "approximateArrivalOfLastRecord": "2025-01-01T00:00:00Z", "batchSize": 1, "streamArn": arn},
    })
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn a_poisoned_event_is_kept_once_with_its_reason_and_left_there_until_asked_for() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let canceled = place_behind(&deployment).await;
    assert_eq!(deployment.post(&format!("/order/{canceled}/cancel"), "").await.status(), 200);
    let shipped = json!({"detailType": "OrderShipped", "orderId": canceled, "orderStatus": "OrderShipped"});
    hand_over(&deployment, &envelope("OrderShipped", &json!({"orderId": canceled})));
    hand_over(&deployment, &envelope("OrderPlaced", &json!({"metadata": {"schemaVersion": 2}})));
    hand_over(&deployment, &envelope("OrderShipped", &shipped));
    put_event(&deployment, "OrderLost", &json!({"orderId": canceled, "note": "a \"quoted\" <word>"}));
    let kept = wait_for_messages(&deployment, EVENTS, 4).await;
    let reasons: Vec<_> = kept
        .iter()
        .map(|message| {
            let payload = &message["responsePayload"];
            (payload["errorType"].as_str().unwrap(), payload["errorMessage"].as_str().unwrap())
        })
        .collect();
    let illegal = format!("order {canceled} is Canceled and cannot become Shipped");
    assert_eq!(reasons[0], ("IllegalTransition", illegal.as_str()));
    assert_eq!(reasons[1].0, "MalformedEvent");
    assert!(reasons[1].1.contains("missing field `detailType`"), "{}", reasons[1].1);
    assert_eq!(reasons[2].0, "UnhandledDetailType");
    assert_eq!(reasons[3], ("UnknownVersion", "event of schema version 2, known is 1"));
    assert_eq!(kept[2]["requestPayload"]["detail"]["note"], "a \"quoted\" <word>");

    place_behind(&deployment).await;
    let shown = redrive(&deployment, &[]);
    assert_eq!(shown.matches("left: would come back").count(), 4, "{shown}");
    assert_eq!(messages(&deployment, EVENTS), kept, "once each, and still there");

    let shown = redrive(&deployment, &["--all"]);
    assert_eq!(shown.matches("put back").count(), 4, "{shown}");
    // The local AWS does not keep what fails behind the bus, but this comes back.
    let kept = wait_for_messages(&deployment, EVENTS, 1).await;
    assert_eq!(kept[0]["requestPayload"]["detail-type"], "OrderLost");
    empty_queues(&deployment);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn an_event_that_failed_for_the_time_being_is_put_back_and_twice_is_harmless() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let before = stock(&deployment).await;
    let placed = json!({"detailType": "OrderPlaced", "orderId": "e2e-redriven", "orderStatus": "OrderPlaced",
        "customerId": "001", "items": [{"productId": "001", "quantity": 2}], "totalAmount": 159.98});
    let kept = json!({"requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": envelope("OrderPlaced", &placed),
        "responsePayload": {"errorType": "Busy", "errorMessage": "contention"}});
    for _ in 0..2 {
        send(&deployment, EVENTS, &kept);
        let shown = redrive(&deployment, &["--dry"]);
        assert!(shown.contains("would be put back"), "{shown}");
        assert_eq!(messages(&deployment, EVENTS), std::slice::from_ref(&kept));
        let shown = redrive(&deployment, &[]);
        assert!(shown.contains("Busy: contention  put back"), "{shown}");
        assert!(messages(&deployment, EVENTS).is_empty());
        wait_for(&deployment, "e2e-redriven", "Confirmed").await;
    }
    place_behind(&deployment).await;
    assert_eq!(stock(&deployment).await, before - 3, "two pieces for the one, one for the other");
    assert_eq!(redrive(&deployment, &[]).trim(), "Nothing to redrive");
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn an_unpublishable_order_is_told_of_once_and_published_when_it_is_mended() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let before = stock(&deployment).await;
    let template = item(&deployment, &place_behind(&deployment).await);
    let mut spoilt = template;
    spoilt["OrderId"] = json!({"S": "e2e-spoilt"});
    spoilt["OrderStatus"] = json!({"S": "Lost"});
    spoilt.as_object_mut().unwrap().remove("StockReserved");
    spoilt["Event"] = json!({"M": {"Id": {"S": "e2e-spoilt-placed"}, "Type": {"S": "OrderPlaced"},
        "Time": spoilt["CreatedAt"], "CorrelationId": {"S": "e2e"}}});
    let put = |item: &Value| {
        let table = deployment.field("/tables/orders");
        deployment.try_aws(&["dynamodb", "put-item", "--table-name", table, "--item", &item.to_string()]);
    };
    put(&spoilt);
    let [message] = wait_for_messages(&deployment, EVENTS, 1).await.try_into().unwrap();
    let event = &message["requestPayload"];
    assert_eq!(event["detail-type"], "OrderEventUnpublishable");
    assert_eq!(event["detail"]["orderId"], "e2e-spoilt");
    assert_eq!(event["detail"]["reason"], "attribute OrderStatus: \"Lost\" is not an order status");
    place_behind(&deployment).await;

    let shown = redrive(&deployment, &["--all"]);
    assert!(shown.contains("left: mend the order"), "{shown}");
    assert_eq!(messages(&deployment, EVENTS), [message], "once, and still there");

    spoilt["OrderStatus"] = json!({"S": "Placed"});
    put(&spoilt);
    let shown = redrive(&deployment, &[]);
    assert!(shown.contains("published again"), "{shown}");
    wait_for(&deployment, "e2e-spoilt", "Confirmed").await;
    assert!(messages(&deployment, EVENTS).is_empty());
    assert_eq!(stock(&deployment).await, before - 3);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn what_the_relay_could_not_publish_is_published_from_the_order_and_twice_is_harmless() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let before = stock(&deployment).await;

    // The stream still has the record.
    set_relay(&deployment, false).await;
    let in_stream = place(&deployment).await;
    send(&deployment, STRETCHES, &given_up(&newest_record(&deployment)));
    let shown = redrive(&deployment, &[]);
    assert!(shown.contains(&in_stream) && shown.contains("in the stream"), "{shown}");
    wait_for(&deployment, &in_stream, "Confirmed").await;
    assert!(messages(&deployment, STRETCHES).is_empty());

    // The stream has it no longer.
    let in_table = place(&deployment).await;
    let [arn, shard, _] = newest_record(&deployment);
    send(&deployment, STRETCHES, &given_up(&[arn, shard, format!("{:021}", 1)]));
    let shown = redrive(&deployment, &[]);
    assert!(shown.contains(&in_table) && shown.contains("in the table"), "{shown}");
    wait_for(&deployment, &in_table, "Confirmed").await;

    // No queue tells of it.
    let stuck = place(&deployment).await;
    let shown = redrive(&deployment, &["--stuck", "3600"]);
    assert!(!shown.contains(&stuck), "{shown}");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let shown = redrive(&deployment, &["--stuck", "0"]);
    assert!(shown.contains(&stuck), "{shown}");
    wait_for(&deployment, &stuck, "Confirmed").await;

    // All three are published once more, by the relay, which comes back.
    set_relay(&deployment, true).await;
    place_behind(&deployment).await;
    assert_eq!(stock(&deployment).await, before - 4);
    assert_eq!(redrive(&deployment, &[]).trim(), "Nothing to redrive");
}
