//! DynamoDB under contention: an embedded engine behind the rules that no local
//! engine has. Time is tokio's. With a paused clock, a simulation takes no real
//! time and does not depend on the machine.

mod assumptions;
mod capacity;
mod response;
mod transaction;
mod usage;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use dynoxide::Database;
use fastrand::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

pub use self::assumptions::Assumptions;
use self::capacity::{Capacity, write_units};
pub use self::response::DynamoDbResponse;
pub use self::usage::Usage;

/// A table and the key of an item in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ItemKey {
    table: String,
    key: String,
}

/// A model of DynamoDB.
pub struct DynamoDbModel {
    database: Database,
    assumptions: Assumptions,
    key_attributes: HashMap<String, String>,
    state: Mutex<State>,
}

impl fmt::Debug for DynamoDbModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbModel").field("assumptions", &self.assumptions).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    /// Items that a transaction holds.
    held: BTreeSet<ItemKey>,
    capacity: Capacity,
    /// Write units of each item as it is stored.
    stored_units: BTreeMap<ItemKey, f64>,
    usage: Usage,
    random: Rng,
}

/// A write of one item.
struct Write {
    key: ItemKey,
    /// Write units outside of a transaction.
    units: f64,
}

impl DynamoDbModel {
    /// Creates empty tables, each given by its name and its key attribute.
    #[must_use]
    pub fn new(assumptions: Assumptions, tables: &[(&str, &str)]) -> Self {
        let database = Database::memory().expect("an embedded database");
        for (table, key) in tables {
            let definition = json!({
                "TableName": table, "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            });
            let definition = serde_json::from_value(definition).expect("a table definition");
            database.create_table(definition).expect("a table");
        }
        let state = State {
            held: BTreeSet::new(),
            capacity: Capacity::default(),
            stored_units: BTreeMap::new(),
            usage: Usage::default(),
            random: Rng::with_seed(1),
        };
        let key_attributes =
            tables.iter().map(|(table, key)| ((*table).to_owned(), (*key).to_owned())).collect();
        Self { database, assumptions, key_attributes, state: Mutex::new(state) }
    }

    /// Returns the usage so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.lock().usage
    }

    /// Stores an item without time, limits, or usage.
    pub fn put(&self, table: &str, item: &Value) {
        let request = json!({"TableName": table, "Item": item}).to_string();
        perform(&request, |request| self.database.put_item(request)).expect("a stored item");
        self.lock().stored_units.insert(self.item_key(table, item), write_units(item));
    }

    /// Returns an item without time, limits, or usage.
    #[must_use]
    pub fn item(&self, table: &str, key: &str) -> Option<Value> {
        let request =
            json!({"TableName": table, "Key": {&self.key_attributes[table]: {"S": key}}}).to_string();
        let response = perform(&request, |request| self.database.get_item(request)).expect("a read");
        parse(&response).get("Item").cloned()
    }

    /// Responds to a request as DynamoDB does, after the time that it takes.
    ///
    /// # Panics
    /// Panics at operations that the designs do not use.
    pub async fn call(&self, operation: &str, body: &str) -> DynamoDbResponse {
        self.wait(self.assumptions.round_trip / 2).await;
        let response = match operation {
            "TransactWriteItems" => self.transact(body).await,
            "PutItem" | "UpdateItem" => self.write(operation, body).await,
            "GetItem" => {
                self.wait(self.assumptions.single_item).await;
                DynamoDbResponse::from_engine(perform(body, |request| self.database.get_item(request)))
            }
            _ => panic!("the model does not support {operation}"),
        };
        self.wait(self.assumptions.round_trip / 2).await;
        response
    }

    /// Writes a single item, unless a transaction holds the item:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>.
    /// The write takes effect when it arrives. Writes of single items do not
    /// conflict with each other.
    async fn write(&self, operation: &str, body: &str) -> DynamoDbResponse {
        let write = self.write_of(operation, &parse(body));
        let response = match self.rejection(&write) {
            Some(rejection) => rejection,
            None => self.perform_write(operation, body, &write),
        };
        self.wait(self.assumptions.single_item).await;
        response
    }

    /// Returns the response to a write that conflicts or is throttled.
    fn rejection(&self, write: &Write) -> Option<DynamoDbResponse> {
        let mut state = self.lock();
        state.usage.write_requests += 1;
        if state.held.contains(&write.key) {
            state.usage.conflicting_items += 1;
            state.usage.conflicting_requests += 1;
            let message = "Transaction is ongoing for the item";
            return Some(DynamoDbResponse::error("TransactionConflictException", message));
        }
        if !state.capacity.has(&self.assumptions, &write.key, write.units) {
            state.usage.throttled_requests += 1;
            let message = "Throughput exceeds the limit of a partition";
            return Some(DynamoDbResponse::error("ThrottlingException", message));
        }
        None
    }

    fn perform_write(&self, operation: &str, body: &str, write: &Write) -> DynamoDbResponse {
        let response = DynamoDbResponse::from_engine(match operation {
            "PutItem" => perform(body, |request| self.database.put_item(request)),
            _ => perform(body, |request| self.database.update_item(request)),
        });
        let new_units = if response.is_success() { self.update_stored_units(&write.key) } else { 1.0 };
        let units = write.units.max(new_units);
        let mut state = self.lock();
        state.capacity.consume(&self.assumptions, &write.key, units);
        // A write whose condition fails costs as much as a successful write:
        // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
        if response.is_success() {
            state.usage.write_units += units;
        } else {
            state.usage.rejected_units += units;
        }
        response
    }

    /// Returns the item that a request or an action writes. Its units are those
    /// of the larger of the old and the new item.
    fn write_of(&self, operation: &str, action: &Value) -> Write {
        let table = action["TableName"].as_str().expect("a table name");
        let puts = operation.starts_with("Put");
        let attributes = if puts { &action["Item"] } else { &action["Key"] };
        let key = self.item_key(table, attributes);
        let new_units = if puts { write_units(attributes) } else { 1.0 };
        let stored_units = self.lock().stored_units.get(&key).copied().unwrap_or(1.0);
        Write { key, units: new_units.max(stored_units) }
    }

    fn item_key(&self, table: &str, attributes: &Value) -> ItemKey {
        let key = attributes[&self.key_attributes[table]]["S"].as_str().expect("a key");
        ItemKey { table: table.to_owned(), key: key.to_owned() }
    }

    /// Updates and returns the write units of an item after a write.
    fn update_stored_units(&self, key: &ItemKey) -> f64 {
        let units = self.item(&key.table, &key.key).map_or(1.0, |item| write_units(&item));
        self.lock().stored_units.insert(key.clone(), units);
        units
    }

    /// Waits for this time, varied by the jitter. Tokio's clock counts
    /// milliseconds: a fraction of one becomes the probability of a whole one.
    async fn wait(&self, time: Duration) {
        let millis = {
            let mut state = self.lock();
            let factor = 1.0 + self.assumptions.jitter * (2.0 * state.random.f64() - 1.0);
            let exact = time.as_secs_f64() * 1000.0 * factor;
            exact.floor() as u64 + u64::from(state.random.f64() < exact.fract())
        };
        sleep(Duration::from_millis(millis)).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the model")
    }
}

fn perform<Request: DeserializeOwned, Response: Serialize>(
    body: &str,
    operation: impl FnOnce(Request) -> dynoxide::Result<Response>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_str(body).expect("a request in JSON");
    operation(request).map(|response| serde_json::to_string(&response).expect("a response in JSON"))
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}
