//! Request units that DynamoDB reports for its calls.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConsumedCapacity.html>

use std::collections::BTreeMap;

use hyper::body::Bytes;
use hyper::header::CONTENT_LENGTH;
use serde_json::Value;

use crate::http::{Request, Response};

const READS: [&str; 4] = ["BatchGetItem", "GetItem", "Query", "Scan"];

/// Request units by table, or by table and index (`table/index`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestUnits {
    /// Read units.
    pub reads: BTreeMap<String, u64>,
    /// Write units.
    pub writes: BTreeMap<String, u64>,
    /// The number of actions in canceled transactions. DynamoDB charges for them as for actions that
    /// succeed, but does not report their units.
    pub canceled_actions: BTreeMap<String, u64>,
}

/// Makes the response to a call report the consumed units.
pub(crate) fn request_consumed_capacity(request: &mut Request) {
    let mut body = parse(request.body());
    body["ReturnConsumedCapacity"] = "INDEXES".into();
    *request.body_mut() = Bytes::from(body.to_string());
    request.headers_mut().remove(CONTENT_LENGTH);
}

/// Adds the units that a call consumed.
pub(crate) fn add(units: &mut RequestUnits, operation: &str, request: &Bytes, response: &Response) {
    if !response.status().is_success() {
        return add_canceled(units, operation, request);
    }
    let by_name = if READS.contains(&operation) { &mut units.reads } else { &mut units.writes };
    for consumed in one_or_more(&parse(response.body())["ConsumedCapacity"]) {
        let table = consumed["TableName"].as_str().expect("a table");
        add_to(by_name, table.to_owned(), &consumed["Table"]);
        for (index, consumed) in consumed["GlobalSecondaryIndexes"].as_object().into_iter().flatten() {
            add_to(by_name, format!("{table}/{index}"), consumed);
        }
    }
}

fn add_canceled(units: &mut RequestUnits, operation: &str, request: &Bytes) {
    assert_eq!(operation, "TransactWriteItems", "a failed {operation} does not report its units");
    for action in parse(request)["TransactItems"].as_array().expect("actions") {
        let action = action.as_object().and_then(|action| action.values().next()).expect("an action");
        let table = action["TableName"].as_str().expect("a table");
        *units.canceled_actions.entry(table.to_owned()).or_default() += 1;
    }
}

fn add_to(by_name: &mut BTreeMap<String, u64>, name: String, consumed: &Value) {
    let units = rounded_up(&consumed["CapacityUnits"]);
    if units > 0 {
        *by_name.entry(name).or_default() += units;
    }
}

/// Returns the entries of a response: one, or one for each table.
fn one_or_more(consumed: &Value) -> &[Value] {
    match consumed {
        Value::Array(entries) => entries,
        Value::Object(_) => std::slice::from_ref(consumed),
        _ => panic!("{consumed} does not report consumed units"),
    }
}

/// Returns a number of units, rounded up. An eventually consistent read consumes half a unit.
fn rounded_up(units: &Value) -> u64 {
    let whole = units.as_f64().map(|units| units.ceil().to_string());
    whole.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{units} is not a number of units"))
}

fn parse(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error} in {body:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn units_of(operation: &str, status: u16, response: &Value) -> RequestUnits {
        let action = |table: &str| json!({"Update": {"TableName": table}});
        let request = json!({"TransactItems": [action("orders"), action("stock"), action("stock")]});
        let response = hyper::Response::builder().status(status).body(Bytes::from(response.to_string()));
        let mut units = RequestUnits::default();
        add(&mut units, operation, &Bytes::from(request.to_string()), &response.unwrap());
        units
    }

    fn by_name<const N: usize>(units: [(&str, u64); N]) -> BTreeMap<String, u64> {
        units.map(|(name, units)| (name.to_owned(), units)).into()
    }

    #[test]
    fn counts_a_table_and_its_index_separately() {
        let consumed = json!({"TableName": "orders", "CapacityUnits": 3.0, "Table": {"CapacityUnits": 2.0},
            "GlobalSecondaryIndexes": {"CustomerOrders": {"CapacityUnits": 1.0}}});
        let writes = by_name([("orders", 2), ("orders/CustomerOrders", 1)]);
        let units = units_of("PutItem", 200, &json!({"ConsumedCapacity": consumed}));
        assert_eq!(units, RequestUnits { writes, ..RequestUnits::default() });
    }

    #[test]
    fn counts_reads_and_writes_of_several_tables_separately() {
        let table =
            |name: &str| json!({"TableName": name, "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}});
        let response = json!({"ConsumedCapacity": [table("orders"), table("stock")]});
        let units = by_name([("orders", 2), ("stock", 2)]);
        let written = RequestUnits { writes: units.clone(), ..RequestUnits::default() };
        assert_eq!(units_of("TransactWriteItems", 200, &response), written);
        assert_eq!(
            units_of("BatchGetItem", 200, &response),
            RequestUnits { reads: units, ..RequestUnits::default() }
        );
    }

    #[test]
    fn counts_the_actions_of_a_canceled_transaction() {
        let canceled_actions = by_name([("orders", 1), ("stock", 2)]);
        let canceled = RequestUnits { canceled_actions, ..RequestUnits::default() };
        assert_eq!(units_of("TransactWriteItems", 400, &json!({})), canceled);
    }
}
