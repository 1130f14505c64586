//! Tables, stream filters, bus rules and the API of template.yaml. The tests read them there, so that
//! they use the same definitions as a deployment.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");

/// The table properties that CloudFormation and CreateTable share.
const TABLE_PROPERTIES: [&str; 5] =
    ["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes"];

/// The resources by logical id. Short forms such as `!Ref` are read as their plain arguments.
static RESOURCES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let text = fs::read_to_string(PATH).unwrap_or_else(|error| panic!("{PATH}: {error}"));
    let template: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{PATH}: {error}"));
    template["Resources"].as_object().expect("resources").clone()
});

/// Returns the request that creates the table of a logical id with the name `name`.
pub(crate) fn create_table(logical_id: &str, name: &str) -> Value {
    let properties = properties(logical_id, "AWS::DynamoDB::Table");
    let mut request = json!({"TableName": name});
    for property in TABLE_PROPERTIES {
        if let Some(value) = properties.get(property) {
            request[property] = value.clone();
        }
    }
    if let Some(view) = properties.get("StreamSpecification") {
        request["StreamSpecification"] = view.clone();
        request["StreamSpecification"]["StreamEnabled"] = true.into();
    }
    request
}

/// Returns the name of the partition key of a table without a sort key.
pub(crate) fn key_of(logical_id: &str) -> &'static str {
    let schema =
        properties(logical_id, "AWS::DynamoDB::Table")["KeySchema"].as_array().expect("a key schema");
    assert_eq!(schema.len(), 1, "{logical_id} has more than a partition key");
    schema[0]["AttributeName"].as_str().expect("a name")
}

/// Returns the pattern of the rule that sends events to InventoryServiceFunction.
#[must_use]
pub fn order_event_pattern() -> &'static Value {
    &properties("OrderEventRule", "AWS::Events::Rule")["EventPattern"]
}

/// Returns the pattern of the rule that sends unhandled events to the dead-letter queue.
#[must_use]
pub fn unhandled_event_pattern() -> &'static Value {
    &properties("UnhandledEventRule", "AWS::Events::Rule")["EventPattern"]
}

/// Returns the dead-letter message of an event that no other rule handles.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>
pub(crate) fn unhandled_event_message(event: &str) -> Value {
    let target = &properties("UnhandledEventRule", "AWS::Events::Rule")["Targets"][0];
    let template = target["InputTransformer"]["InputTemplate"].as_str().expect("a template");
    let message = template.replace("<aws.events.event.json>", event);
    serde_json::from_str(&message).unwrap_or_else(|error| panic!("{error} in {message}"))
}

/// Returns the logical ids of the rules that the queue policy allows to send to the dead-letter queue.
///
/// Panics if a statement allows more than these rules to send messages.
#[must_use]
pub fn dead_letter_queue_senders() -> Vec<String> {
    let policy = &properties("DeadLetterQueuePolicy", "AWS::SQS::QueuePolicy")["PolicyDocument"];
    let statements = policy["Statement"].as_array().expect("statements");
    let senders = statements.iter().flat_map(|statement| {
        assert_eq!(statement["Principal"], json!({"Service": "events.amazonaws.com"}));
        assert_eq!(
            (&statement["Effect"], &statement["Action"]),
            (&json!("Allow"), &json!("sqs:SendMessage"))
        );
        assert_eq!(statement["Resource"], "DeadLetterQueue.Arn");
        statement["Condition"]["ArnEquals"]["aws:SourceArn"].as_array().expect("the ARNs of rules")
    });
    let id = |arn: &Value| arn.as_str().and_then(|arn| arn.strip_suffix(".Arn")).expect("an ARN").to_owned();
    senders.map(id).collect()
}

/// Returns the sorted routes of the functions, such as `GET /order/{orderId}`.
#[must_use]
pub fn api_routes() -> Vec<String> {
    let functions = RESOURCES.values().filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let events = functions.filter_map(|function| function["Properties"]["Events"].as_object());
    let events = events.flat_map(|events| events.values()).filter(|event| event["Type"] == "Api");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let route = |event: &Value| {
        format!("{} {}", text(&event["Properties"]["Method"]), text(&event["Properties"]["Path"]))
    };
    let mut routes: Vec<String> = events.map(route).collect();
    routes.sort();
    routes
}

/// Returns the security requirements of each route, by route.
#[must_use]
pub fn operation_security() -> BTreeMap<String, Value> {
    let paths = api_resource()["DefinitionBody"]["paths"].as_object().expect("paths of the API");
    let operation = |path: &str, method: &str| format!("{} {path}", method.to_uppercase());
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods of a path");
        let secured = |(method, body): (&String, &Value)| (operation(path, method), body["security"].clone());
        methods.iter().map(secured).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// Returns the properties of the API resource.
#[must_use]
pub fn api_resource() -> &'static Value {
    properties("Api", "AWS::Serverless::Api")
}

/// Returns the filters of the Orders table's stream. A record must match one of them.
#[must_use]
pub fn stream_filters() -> Vec<Value> {
    let filters = stream_mapping()["FilterCriteria"]["Filters"].as_array().expect("filters of the stream");
    let pattern = |filter: &Value| {
        serde_json::from_str(filter["Pattern"].as_str().expect("a pattern")).expect("a pattern in JSON")
    };
    filters.iter().map(pattern).collect()
}

/// Returns the maximum number of records in one invocation.
pub(crate) fn stream_batch_size() -> usize {
    let size = stream_mapping()["BatchSize"].as_u64().expect("a batch size");
    usize::try_from(size).expect("a batch size")
}

/// Returns the maximum number of attempts for a stream record.
#[must_use]
pub fn stream_max_attempts() -> u64 {
    stream_mapping()["MaximumRetryAttempts"].as_u64().expect("bounded retries") + 1
}

/// Returns the maximum number of attempts for an event.
#[must_use]
pub fn consumer_max_attempts() -> usize {
    let function = properties("InventoryServiceFunction", "AWS::Serverless::Function");
    let retries = function["EventInvokeConfig"]["MaximumRetryAttempts"].as_u64().expect("bounded retries");
    usize::try_from(retries).expect("bounded retries") + 1
}

/// Returns the event source mapping of the stream.
fn stream_mapping() -> &'static Value {
    let function = properties("OrderServiceFunction", "AWS::Serverless::Function");
    let events = function["Events"].as_object().expect("events of the function");
    let mapping = events.values().find(|event| event["Type"] == "DynamoDB");
    &mapping.expect("a stream of the function")["Properties"]
}

fn properties(logical_id: &str, kind: &str) -> &'static Value {
    let resource = RESOURCES.get(logical_id).unwrap_or_else(|| panic!("{PATH} has no {logical_id}"));
    assert_eq!(resource["Type"], kind, "{logical_id}");
    &resource["Properties"]
}
