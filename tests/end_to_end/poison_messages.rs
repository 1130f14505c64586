//! End-to-end tests of records and events that cannot be processed. Each ends in a dead-letter queue
//! once, with its reason, and can be redriven. `make e2e` deploys the stack and runs them.
//!
//! The local AWS retries failed events and sends them to the dead-letter queue only for direct
//! invocations, not for invocations by a bus rule. So the tests invoke the consumer directly.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::Deployment;

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
const EVENTS: &str = "/deadLetterQueueUrl";
const STREAM_RANGES: &str = "/relayDeadLetterQueueUrl";

/// The maximum time until the expected messages arrive.
const TIMEOUT: Duration = Duration::from_secs(60);

fn envelope(detail_type: &str, detail: &Value) -> Value {
    json!({"version": "0", "id": "e2e", "source": "ecommerce.order", "detail-type": detail_type,
        "account": "000000000000", "time": "2025-01-01T00:00:00Z", "region": "eu-central-1", "resources": [],
        "detail": detail})
}

/// Invokes the consumer with an event, as a bus rule does, but without its alias: the local AWS keeps no
/// failed event of an alias.
fn invoke_consumer(deployment: &Deployment, event: &Value) {
    let function = deployment.field("/functions/InventoryServiceFunction");
    let payload = event.to_string();
    let invoke = ["lambda", "invoke", "--function-name", function, "--invocation-type", "Event"];
    let response = deployment.aws(&[&invoke[..], &["--payload", &payload, "/dev/null"]].concat());
    assert_eq!(response["StatusCode"], 202, "{response}");
}

fn put_event(deployment: &Deployment, detail_type: &str, detail: &Value) {
    let entries = json!([{"EventBusName": deployment.field("/eventBusName"), "Source": "ecommerce.order",
        "DetailType": detail_type, "Detail": detail.to_string()}]);
    let response = deployment.aws(&["events", "put-events", "--entries", &entries.to_string()]);
    assert_eq!(response["FailedEntryCount"], 0, "{response}");
}

fn send(deployment: &Deployment, queue: &str, body: &Value) {
    let url = deployment.field(queue);
    deployment.try_aws(&["sqs", "send-message", "--queue-url", url, "--message-body", &body.to_string()]);
}

/// Returns the messages in a queue, and keeps them visible.
fn messages(deployment: &Deployment, queue: &str) -> Vec<Value> {
    let url = deployment.field(queue);
    let receive = ["sqs", "receive-message", "--queue-url", url, "--visibility-timeout", "0"];
    let receive = [&receive[..], &["--max-number-of-messages", "10"]].concat();
    let response = deployment.try_aws(&receive).unwrap_or_default();
    let bodies = response["Messages"].as_array().cloned().unwrap_or_default();
    let mut bodies: Vec<Value> = bodies
        .iter()
        .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
        .collect();
    bodies.sort_by_key(error_type);
    bodies
}

/// Waits until a queue has this number of messages.
async fn wait_for_messages(deployment: &Deployment, queue: &str, count: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let found = messages(deployment, queue);
        if found.len() >= count || started.elapsed() > TIMEOUT {
            assert_eq!(found.len(), count, "{found:?}");
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn error_type(message: &Value) -> String {
    message["responsePayload"]["errorType"].as_str().unwrap_or_default().to_owned()
}

fn item(deployment: &Deployment, order: &str) -> Value {
    let key = json!({"OrderId": {"S": order}}).to_string();
    let table = deployment.field("/tables/orders");
    deployment.aws(&["dynamodb", "get-item", "--consistent-read", "--table-name", table, "--key", &key])["Item"].clone()
}

/// Places an order, and waits until it is confirmed. Earlier messages must not block it.
async fn place_and_confirm(deployment: &Deployment) -> String {
    let order = deployment.place_order(ORDER).await;
    deployment.wait_for_status(&order, "Confirmed").await;
    order
}

/// Empties both queues for the next test.
fn empty_queues(deployment: &Deployment) {
    for queue in [EVENTS, STREAM_RANGES] {
        deployment.try_aws(&["sqs", "purge-queue", "--queue-url", deployment.field(queue)]);
    }
}

/// Enables or disables the event source mapping of the relay.
async fn set_relay(deployment: &Deployment, enabled: bool) {
    let function = deployment.field("/functions/OrderServiceFunction");
    let list = deployment.aws(&["lambda", "list-event-source-mappings", "--function-name", function]);
    let id = list["EventSourceMappings"][0]["UUID"].as_str().unwrap().to_owned();
    let flag = if enabled { "--enabled" } else { "--no-enabled" };
    deployment.try_aws(&["lambda", "update-event-source-mapping", "--uuid", &id, flag]);
    // A batch may be in flight.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Returns the stream's ARN, and the shard and sequence number of its newest record.
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
        let response = deployment.aws(&["dynamodbstreams", "get-records", "--shard-iterator", &iterator]);
        match response["Records"].as_array().unwrap().last() {
            Some(record) => newest = Some(text(&record["dynamodb"]["SequenceNumber"])),
            None => return [arn, shard, newest.expect("a record")],
        }
        iterator = text(&response["NextShardIterator"]);
    }
}

/// Returns the message that Lambda sends for a discarded range of a stream.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
fn discarded_range([arn, shard, number]: &[String; 3]) -> Value {
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
async fn keeps_a_poison_event_once_with_its_reason_until_it_is_redriven() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let canceled = place_and_confirm(&deployment).await;
    assert_eq!(deployment.post(&format!("/order/{canceled}/cancel"), "").await.status(), 200);
    let shipped = json!({"detailType": "OrderShipped", "orderId": canceled, "orderStatus": "OrderShipped"});
    invoke_consumer(&deployment, &envelope("OrderShipped", &json!({"orderId": canceled})));
    invoke_consumer(&deployment, &envelope("OrderPlaced", &json!({"metadata": {"schemaVersion": 2}})));
    invoke_consumer(&deployment, &envelope("OrderShipped", &shipped));
    put_event(&deployment, "OrderLost", &json!({"orderId": canceled, "note": "a \"quoted\" <word>"}));
    let dead_letters = wait_for_messages(&deployment, EVENTS, 4).await;
    let reasons: Vec<_> = dead_letters
        .iter()
        .map(|message| {
            let payload = &message["responsePayload"];
            (payload["errorType"].as_str().unwrap(), payload["errorMessage"].as_str().unwrap())
        })
        .collect();
    let forbidden = format!("order {canceled} is Canceled and cannot become Shipped");
    assert_eq!(reasons[0], ("IllegalTransition", forbidden.as_str()));
    assert_eq!(reasons[1].0, "MalformedEvent");
    assert!(reasons[1].1.contains("missing field `detailType`"), "{}", reasons[1].1);
    assert_eq!(reasons[2].0, "UnhandledDetailType");
    assert_eq!(reasons[3], ("UnknownVersion", "unsupported event schema version 2, supported is 1"));
    assert_eq!(dead_letters[2]["requestPayload"]["detail"]["note"], "a \"quoted\" <word>");

    place_and_confirm(&deployment).await;
    let output = deployment.run_tool("redrive", &[]);
    assert_eq!(output.matches("left: would come back").count(), 4, "{output}");
    assert_eq!(messages(&deployment, EVENTS), dead_letters, "each message is kept once");

    let output = deployment.run_tool("redrive", &["--all"]);
    assert_eq!(output.matches("put back").count(), 4, "{output}");
    // The local AWS keeps no events that fail after a bus rule, but OrderLost comes back.
    let dead_letters = wait_for_messages(&deployment, EVENTS, 1).await;
    assert_eq!(dead_letters[0]["requestPayload"]["detail-type"], "OrderLost");
    empty_queues(&deployment);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn redrives_an_event_after_a_transient_failure_and_tolerates_duplicates() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let before = deployment.stock_of("001").await;
    let placed = json!({"detailType": "OrderPlaced", "orderId": "e2e-redriven", "orderStatus": "OrderPlaced",
        "customerId": "001", "items": [{"productId": "001", "quantity": 2}], "totalAmount": 159.98});
    let dead_letter = json!({"requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": envelope("OrderPlaced", &placed),
        "responsePayload": {"errorType": "Busy", "errorMessage": "contention"}});
    for _ in 0..2 {
        send(&deployment, EVENTS, &dead_letter);
        let output = deployment.run_tool("redrive", &["--dry"]);
        assert!(output.contains("would be put back"), "{output}");
        assert_eq!(messages(&deployment, EVENTS), std::slice::from_ref(&dead_letter));
        let output = deployment.run_tool("redrive", &[]);
        assert!(output.contains("Busy: contention  put back"), "{output}");
        assert!(messages(&deployment, EVENTS).is_empty());
        deployment.wait_for_status("e2e-redriven", "Confirmed").await;
    }
    place_and_confirm(&deployment).await;
    assert_eq!(
        deployment.stock_of("001").await,
        before - 3,
        "two units for the redriven order, and one for the other order"
    );
    assert_eq!(deployment.run_tool("redrive", &[]).trim(), "Nothing to redrive");
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn reports_an_unpublishable_order_once_and_publishes_it_after_its_repair() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let before = deployment.stock_of("001").await;
    let template = item(&deployment, &place_and_confirm(&deployment).await);
    let mut corrupted = template;
    corrupted["OrderId"] = json!({"S": "e2e-corrupted"});
    corrupted["OrderStatus"] = json!({"S": "Lost"});
    for attribute in ["StockReserved", "FulfillmentShard", "FulfillmentPosition"] {
        corrupted.as_object_mut().unwrap().remove(attribute);
    }
    corrupted["Event"] = json!({"M": {"Id": {"S": "e2e-corrupted-placed"}, "Type": {"S": "OrderPlaced"},
        "Time": corrupted["CreatedAt"], "CorrelationId": {"S": "e2e"}}});
    let put = |item: &Value| {
        let table = deployment.field("/tables/orders");
        deployment.try_aws(&["dynamodb", "put-item", "--table-name", table, "--item", &item.to_string()]);
    };
    put(&corrupted);
    let [message] = wait_for_messages(&deployment, EVENTS, 1).await.try_into().unwrap();
    let event = &message["requestPayload"];
    assert_eq!(event["detail-type"], "OrderEventUnpublishable");
    assert_eq!(event["detail"]["orderId"], "e2e-corrupted");
    assert_eq!(event["detail"]["reason"], "attribute OrderStatus: \"Lost\" is not an order status");
    place_and_confirm(&deployment).await;

    let output = deployment.run_tool("redrive", &["--all"]);
    assert!(output.contains("left: repair the item"), "{output}");
    assert_eq!(messages(&deployment, EVENTS), [message], "the message is kept once");

    corrupted["OrderStatus"] = json!({"S": "Placed"});
    put(&corrupted);
    let output = deployment.run_tool("redrive", &[]);
    assert!(output.contains("published again"), "{output}");
    deployment.wait_for_status("e2e-corrupted", "Confirmed").await;
    assert!(messages(&deployment, EVENTS).is_empty());
    assert_eq!(deployment.stock_of("001").await, before - 3);
}

#[tokio::test]
#[ignore = "needs a deployed stack: make e2e"]
async fn republishes_the_orders_of_a_discarded_range_and_tolerates_duplicates() {
    let deployment = Deployment::from_env();
    empty_queues(&deployment);
    let before = deployment.stock_of("001").await;

    // The record is still in the stream.
    set_relay(&deployment, false).await;
    let in_stream = deployment.place_order(ORDER).await;
    send(&deployment, STREAM_RANGES, &discarded_range(&newest_record(&deployment)));
    let output = deployment.run_tool("redrive", &[]);
    assert!(output.contains(&in_stream) && output.contains("in the stream"), "{output}");
    deployment.wait_for_status(&in_stream, "Confirmed").await;
    assert!(messages(&deployment, STREAM_RANGES).is_empty());

    // The record is no longer in the stream.
    let in_table = deployment.place_order(ORDER).await;
    let [arn, shard, _] = newest_record(&deployment);
    send(&deployment, STREAM_RANGES, &discarded_range(&[arn, shard, format!("{:021}", 1)]));
    let output = deployment.run_tool("redrive", &[]);
    assert!(output.contains(&in_table) && output.contains("in the table"), "{output}");
    deployment.wait_for_status(&in_table, "Confirmed").await;

    // No queue has a message for the order.
    let stuck = deployment.place_order(ORDER).await;
    let output = deployment.run_tool("redrive", &["--stuck", "3600"]);
    assert!(!output.contains(&stuck), "{output}");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let output = deployment.run_tool("redrive", &["--stuck", "0"]);
    assert!(output.contains(&stuck), "{output}");
    deployment.wait_for_status(&stuck, "Confirmed").await;

    // The relay publishes all three events again when it is enabled.
    set_relay(&deployment, true).await;
    place_and_confirm(&deployment).await;
    assert_eq!(deployment.stock_of("001").await, before - 4);
    assert_eq!(deployment.run_tool("redrive", &[]).trim(), "Nothing to redrive");
}
