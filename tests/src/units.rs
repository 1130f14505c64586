//! What calls of DynamoDB are charged for, as it says itself:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConsumedCapacity.html>

use std::collections::BTreeMap;

use hyper::body::Bytes;
use hyper::header::CONTENT_LENGTH;
use serde_json::Value;

use crate::http::{Request, Response};

const READS: [&str; 4] = ["BatchGetItem", "GetItem", "Query", "Scan"];

/// Request units, by the table, or the table and index (`table/index`), that they went to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Units {
    /// Units of reading.
    pub reads: BTreeMap<String, u64>,
    /// Units of writing.
    pub writes: BTreeMap<String, u64>,
    /// Actions of transactions that were canceled. They are charged for as if
    /// they had come to pass, but no answer says how much.
    pub canceled_actions: BTreeMap<String, u64>,
}

/// Has the answer to a call say what it consumed.
pub(crate) fn ask(request: &mut Request) {
    let mut asked = read(request.body());
    asked["ReturnConsumedCapacity"] = "INDEXES".into();
    *request.body_mut() = Bytes::from(asked.to_string());
    request.headers_mut().remove(CONTENT_LENGTH);
}

/// Adds what a call consumed.
pub(crate) fn add(units: &mut Units, operation: &str, asked: &Bytes, answer: &Response) {
    if !answer.status().is_success() {
        return add_canceled(units, operation, asked);
    }
    let of = if READS.contains(&operation) { &mut units.reads } else { &mut units.writes };
    for consumed in one_or_more(&read(answer.body())["ConsumedCapacity"]) {
        let table = consumed["TableName"].as_str().expect("a table");
        add_to(of, table.to_owned(), &consumed["Table"]);
        for (index, consumed) in consumed["GlobalSecondaryIndexes"].as_object().into_iter().flatten() {
            add_to(of, format!("{table}/{index}"), consumed);
        }
    }
}

fn add_canceled(units: &mut Units, operation: &str, asked: &Bytes) {
    assert_eq!(operation, "TransactWriteItems", "nothing tells what a failed {operation} consumed");
    for action in read(asked)["TransactItems"].as_array().expect("actions") {
        let action = action.as_object().and_then(|action| action.values().next()).expect("an action");
        let table = action["TableName"].as_str().expect("a table");
        *units.canceled_actions.entry(table.to_owned()).or_default() += 1;
    }
}

fn add_to(of: &mut BTreeMap<String, u64>, name: String, consumed: &Value) {
    let units = whole(&consumed["CapacityUnits"]);
    if units > 0 {
        *of.entry(name).or_default() += units;
    }
}

/// An answer has one entry, or a list of them, one for each table.
fn one_or_more(consumed: &Value) -> &[Value] {
    match consumed {
        Value::Array(entries) => entries,
        Value::Object(_) => std::slice::from_ref(consumed),
        _ => panic!("{consumed} does not tell what was consumed"),
    }
}

/// A number of units; none of the calls here costs half a one.
fn whole(units: &Value) -> u64 {
    let text = units.as_f64().map(|units| units.to_string());
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{units} is no whole number of units"))
}

fn read(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error} in {body:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn units_of(operation: &str, status: u16, answer: &Value) -> Units {
        let action = |table: &str| json!({"Update": {"TableName": table}});
        let asked = json!({"TransactItems": [action("orders"), action("stock"), action("stock")]});
        let answer = hyper::Response::builder().status(status).body(Bytes::from(answer.to_string()));
        let mut units = Units::default();
        add(&mut units, operation, &Bytes::from(asked.to_string()), &answer.unwrap());
        units
    }

    fn by_name<const N: usize>(units: [(&str, u64); N]) -> BTreeMap<String, u64> {
        units.map(|(name, units)| (name.to_owned(), units)).into()
    }

    #[test]
    fn table_and_index_are_told_apart() {
        let consumed = json!({"TableName": "orders", "CapacityUnits": 3.0, "Table": {"CapacityUnits": 2.0},
            "GlobalSecondaryIndexes": {"CustomerOrders": {"CapacityUnits": 1.0}}});
        let writes = by_name([("orders", 2), ("orders/CustomerOrders", 1)]);
        let units = units_of("PutItem", 200, &json!({"ConsumedCapacity": consumed}));
        assert_eq!(units, Units { writes, ..Units::default() });
    }

    #[test]
    fn reads_and_writes_of_several_tables_are_told_apart() {
        let table =
            |name: &str| json!({"TableName": name, "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}});
        let answer = json!({"ConsumedCapacity": [table("orders"), table("stock")]});
        let units = by_name([("orders", 2), ("stock", 2)]);
        let written = Units { writes: units.clone(), ..Units::default() };
        assert_eq!(units_of("TransactWriteItems", 200, &answer), written);
        assert_eq!(units_of("BatchGetItem", 200, &answer), Units { reads: units, ..Units::default() });
    }

    #[test]
    fn a_canceled_transaction_counts_by_its_actions() {
        let canceled_actions = by_name([("orders", 1), ("stock", 2)]);
        let canceled = Units { canceled_actions, ..Units::default() };
        assert_eq!(units_of("TransactWriteItems", 400, &json!({})), canceled);
    }
}
