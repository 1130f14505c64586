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

/// The rules that send unhandled events to the dead-letter queue.
const UNHANDLED_EVENT_RULES: [&str; 3] =
    ["UnhandledEventRule", "UnhandledStockEventRule", "UnhandledWarehouseEventRule"];

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

/// Returns the pattern of the rule that sends events of a warehouse to InventoryServiceFunction.
#[must_use]
pub fn stock_event_pattern() -> &'static Value {
    &properties("StockEventRule", "AWS::Events::Rule")["EventPattern"]
}

/// Returns the pattern of the rule that sends confirmed orders to the queue of a warehouse.
#[must_use]
pub fn fulfillment_pattern() -> &'static Value {
    &properties("FulfillmentRule", "AWS::Events::Rule")["EventPattern"]
}

/// Returns the pattern of the rule that sends unhandled order events to the dead-letter queue.
#[must_use]
pub fn unhandled_event_pattern() -> &'static Value {
    &properties("UnhandledEventRule", "AWS::Events::Rule")["EventPattern"]
}

/// Returns the pattern of the rule that sends unhandled inventory events to the dead-letter queue.
#[must_use]
pub fn unhandled_stock_event_pattern() -> &'static Value {
    &properties("UnhandledStockEventRule", "AWS::Events::Rule")["EventPattern"]
}

/// Returns the pattern of the rule that sends unhandled warehouse events to the dead-letter queue.
#[must_use]
pub fn unhandled_warehouse_event_pattern() -> &'static Value {
    &properties("UnhandledWarehouseEventRule", "AWS::Events::Rule")["EventPattern"]
}

/// Returns the patterns of the rules that send unhandled events to the dead-letter queue, and the
/// message that each sends for an event.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>
pub(crate) fn unhandled_event_rules(event: &str) -> impl Iterator<Item = (&'static Value, Value)> {
    UNHANDLED_EVENT_RULES.into_iter().map(move |rule| {
        let rule = properties(rule, "AWS::Events::Rule");
        let template = &rule["Targets"][0]["InputTransformer"]["InputTemplate"];
        let message = template.as_str().expect("a template").replace("<aws.events.event.json>", event);
        let message = serde_json::from_str(&message).unwrap_or_else(|error| panic!("{error} in {message}"));
        (&rule["EventPattern"], message)
    })
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

/// The event source mapping of a table's stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StreamMapping {
    Orders,
    Inventory,
}

impl StreamMapping {
    /// Returns the filters. A record must match one of them.
    pub(crate) fn filters(self) -> Vec<Value> {
        let filters = self.properties()["FilterCriteria"]["Filters"].as_array().expect("filters");
        let pattern = |filter: &Value| {
            serde_json::from_str(filter["Pattern"].as_str().expect("a pattern")).expect("a pattern in JSON")
        };
        filters.iter().map(pattern).collect()
    }

    /// Returns the maximum number of records in one invocation.
    pub(crate) fn batch_size(self) -> usize {
        let size = self.properties()["BatchSize"].as_u64().expect("a batch size");
        usize::try_from(size).expect("a batch size")
    }

    fn properties(self) -> &'static Value {
        match self {
            Self::Orders => {
                let function = properties("OrderServiceFunction", "AWS::Serverless::Function");
                &function["Events"]["OrderStream"]["Properties"]
            }
            Self::Inventory => properties("InventoryStream", "AWS::Lambda::EventSourceMapping"),
        }
    }
}

/// Returns the filters of the Orders table's stream. A record must match one of them.
#[must_use]
pub fn stream_filters() -> Vec<Value> {
    StreamMapping::Orders.filters()
}

/// Returns the filters of the Inventory table's stream. A record must match one of them.
#[must_use]
pub fn stock_stream_filters() -> Vec<Value> {
    StreamMapping::Inventory.filters()
}

/// Returns the maximum number of records in one invocation for the Orders table's stream.
#[must_use]
pub fn order_stream_batch_size() -> usize {
    StreamMapping::Orders.batch_size()
}

/// Returns the maximum number of attempts for an event.
#[must_use]
pub fn consumer_max_attempts() -> usize {
    let function = properties("InventoryServiceFunction", "AWS::Serverless::Function");
    let retries = function["EventInvokeConfig"]["MaximumRetryAttempts"].as_u64().expect("bounded retries");
    usize::try_from(retries).expect("bounded retries") + 1
}

/// A metric filter of a function's log group.
#[derive(Debug)]
pub(crate) struct MetricFilter {
    /// Function that writes to the log group.
    pub(crate) service: &'static str,
    /// Member of a line whose number is the metric's value.
    pub(crate) member: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) unit: &'static str,
}

/// Returns the metric filters. Each matches the lines that have its member.
///
/// Panics if a filter extracts anything else, or adds it to other dimensions than the service.
pub(crate) fn metric_filters() -> impl Iterator<Item = MetricFilter> {
    let filters = RESOURCES.values().filter(|resource| resource["Type"] == "AWS::Logs::MetricFilter");
    filters.map(|filter| {
        let properties = &filter["Properties"];
        let transformation = &properties["MetricTransformations"][0];
        let value = transformation["MetricValue"].as_str().expect("a value");
        assert_eq!(properties["FilterPattern"], json!(format!("{{ {value} = * }}")));
        assert_eq!(transformation["MetricNamespace"], "AWS::StackName");
        assert_eq!(transformation["Dimensions"], json!([{"Key": "Service", "Value": "$.Service"}]));
        let group = properties["LogGroupName"].as_str().expect("a log group");
        let group = self::properties(group, "AWS::Logs::LogGroup")["LogGroupName"].as_str();
        MetricFilter {
            service: group.and_then(|name| name.rsplit('/').next()).expect("a name"),
            member: value.strip_prefix("$.").expect("a member"),
            metric: transformation["MetricName"].as_str().expect("a name"),
            unit: transformation["Unit"].as_str().expect("a unit"),
        }
    })
}

fn properties(logical_id: &str, kind: &str) -> &'static Value {
    let resource = RESOURCES.get(logical_id).unwrap_or_else(|| panic!("{PATH} has no {logical_id}"));
    assert_eq!(resource["Type"], kind, "{logical_id}");
    &resource["Properties"]
}
