//! DynamoDB under contention: an engine, and before it the rules that no local
//! engine has. Time is tokio's, so that with a paused clock a run takes no time
//! and does not depend on the machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use dynoxide::{Database, DynoxideError};
use fastrand::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// What the model takes for granted of DynamoDB and of the way there.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// From the function to DynamoDB and back.
    pub round_trip: Duration,
    /// What DynamoDB takes for a read or write of one item.
    pub single: Duration,
    /// What it takes for a transaction, half to prepare and half to commit
    /// (<https://www.usenix.org/conference/atc23/presentation/idziorek>): as
    /// long as this its items are held.
    pub transaction: Duration,
    /// What each action adds to that.
    pub action: Duration,
    /// How much each of these varies, as a share of it, up and down.
    pub spread: f64,
    /// Write units a second that one key can take, the limit of a partition:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>.
    pub units_per_second: f64,
    /// Write units that a key which was idle can take at once.
    pub burst: f64,
}

impl Default for Rules {
    /// The limit is AWS's. The times are not published: these are of the order
    /// that is seen from a function in the same region.
    ///
    /// Adaptive capacity is taken for granted: it gives a hot item a partition
    /// of its own, and that has the limit of a partition, so table and
    /// neighbours never throttle it. Burst capacity is a tenth of a second's,
    /// not the five minutes' that AWS may keep but does not promise:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html>.
    fn default() -> Self {
        Self {
            round_trip: Duration::from_millis(2),
            single: Duration::from_millis(3),
            transaction: Duration::from_millis(6),
            action: Duration::from_micros(100),
            spread: 0.2,
            units_per_second: 1000.0,
            burst: 100.0,
        }
    }
}

/// What was asked of the model since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Requests that write, whatever became of them.
    pub writes: u64,
    /// Items of requests that were refused because of another transaction; CloudWatch counts them
    /// in the same way as `TransactionConflict`.
    pub conflicts: u64,
    /// Requests that met at least one of these.
    pub conflicted: u64,
    /// Requests that a hot key had no write units left for.
    pub throttled: u64,
    /// Write units of the writes that were made.
    pub units: f64,
    /// Write units that refused ones took: of a write whose condition failed all that it would
    /// have taken, of a canceled transaction those of the items that it had prepared.
    pub wasted: f64,
}

/// A table and the key of an item in it.
type Key = (String, String);

/// DynamoDB as the model has it.
pub struct Model {
    database: Database,
    rules: Rules,
    keys: HashMap<String, String>,
    state: Mutex<State>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("rules", &self.rules).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    /// Items that a transaction holds.
    held: BTreeSet<Key>,
    buckets: BTreeMap<Key, Bucket>,
    /// Units of an underlying write of each item as it is stored.
    units: BTreeMap<Key, f64>,
    tally: Tally,
    random: Rng,
}

/// Write units that a key has left; below zero it has a debt.
#[derive(Debug)]
struct Bucket {
    units: f64,
    at: Instant,
}

/// An answer of DynamoDB: HTTP status and body.
pub type Answer = (u16, String);

/// What a request that writes wants to do.
struct Write {
    key: Key,
    /// Of one underlying write.
    units: f64,
}

impl Model {
    /// An empty one with these tables, each named with its key attribute.
    #[must_use]
    pub fn new(rules: Rules, tables: &[(&str, &str)]) -> Self {
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
            buckets: BTreeMap::new(),
            units: BTreeMap::new(),
            tally: Tally::default(),
            random: Rng::with_seed(1),
        };
        let keys = tables.iter().map(|(table, key)| ((*table).to_owned(), (*key).to_owned())).collect();
        Self { database, rules, keys, state: Mutex::new(state) }
    }

    /// What was asked so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.lock().tally
    }

    /// Stores an item past all rules.
    pub fn put(&self, table: &str, item: &Value) {
        let request = json!({"TableName": table, "Item": item}).to_string();
        perform(&request, |request| self.database.put_item(request)).expect("an item");
        let key = item[&self.keys[table]]["S"].as_str().expect("a key").to_owned();
        self.lock().units.insert((table.to_owned(), key), units(item));
    }

    /// An item, past all rules.
    #[must_use]
    pub fn item(&self, table: &str, key: &str) -> Option<Value> {
        let request = json!({"TableName": table, "Key": {&self.keys[table]: {"S": key}}}).to_string();
        let answer = perform(&request, |request| self.database.get_item(request)).expect("a read");
        parse(&answer).get("Item").cloned()
    }

    /// Answers a request as DynamoDB does, after the time that it takes.
    ///
    /// # Panics
    /// At operations that nothing here uses.
    pub async fn call(&self, operation: &str, body: &str) -> Answer {
        self.wait(self.rules.round_trip / 2).await;
        let answer = match operation {
            "TransactWriteItems" => self.transact(body).await,
            "PutItem" | "UpdateItem" => self.write(operation, body).await,
            "GetItem" => {
                self.wait(self.rules.single).await;
                respond(perform(body, |request| self.database.get_item(request)))
            }
            _ => panic!("the model has no {operation}"),
        };
        self.wait(self.rules.round_trip / 2).await;
        answer
    }

    /// A write of one item. It is refused while a transaction holds the item:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>.
    /// Otherwise it takes effect when it arrives: writes of single items do not
    /// conflict with each other.
    async fn write(&self, operation: &str, body: &str) -> Answer {
        let write = self.target(operation, &parse(body));
        let answer = self.admit(&write).unwrap_or_else(|| self.perform_write(operation, body, &write));
        self.wait(self.rules.single).await;
        answer
    }

    /// The answer to a write that must not be made now.
    fn admit(&self, write: &Write) -> Option<Answer> {
        let mut state = self.lock();
        state.tally.writes += 1;
        if state.held.contains(&write.key) {
            state.tally.conflicts += 1;
            state.tally.conflicted += 1;
            return Some(error("TransactionConflictException", "Transaction is ongoing for the item"));
        }
        if !state.has_units(&self.rules, write, 1.0) {
            state.tally.throttled += 1;
            return Some(error("ThrottlingException", "Throughput exceeds the limit of a partition"));
        }
        None
    }

    fn perform_write(&self, operation: &str, body: &str, write: &Write) -> Answer {
        let outcome = match operation {
            "PutItem" => perform(body, |request| self.database.put_item(request)),
            _ => perform(body, |request| self.database.update_item(request)),
        };
        let after = if outcome.is_ok() { self.weigh(&write.key) } else { 1.0 };
        let units = write.units.max(after);
        let mut state = self.lock();
        state.take(&self.rules, &write.key, units);
        // A condition that fails costs what the write would have:
        // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
        *(if outcome.is_ok() { &mut state.tally.units } else { &mut state.tally.wasted }) += units;
        drop(state);
        respond(outcome)
    }

    /// Prepares every item and then commits every item; each costs the units
    /// of one write:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling>.
    /// An item that another transaction holds, or whose key has no units left,
    /// cancels it after the first of the two.
    async fn transact(&self, body: &str) -> Answer {
        let request = parse(body);
        let writes: Vec<Write> = request["TransactItems"]
            .as_array()
            .expect("actions")
            .iter()
            .flat_map(|action| action.as_object().expect("an action"))
            .map(|(operation, action)| self.target(operation, action))
            .collect();
        let phase =
            (self.rules.transaction + self.rules.action * u32::try_from(writes.len()).expect("few")) / 2;
        let (reasons, prepared) = self.prepare(&writes);
        self.wait(phase).await;
        let outcome = if reasons.iter().all(|reason| *reason == "None") {
            perform(body, |request| self.database.transact_write_items(request))
                .map_err(|error| (error.status_code(), error.to_json()))
        } else {
            Err(canceled(&reasons))
        };
        if outcome.is_ok() {
            self.wait(phase).await;
        }
        self.finish(&writes, &prepared, outcome.is_ok());
        outcome.map_or_else(|refused| refused, |answer| (200, answer))
    }

    /// Holds the items that can be held; the reasons why others cannot, and
    /// which items are held now.
    fn prepare(&self, writes: &[Write]) -> (Vec<&'static str>, Vec<bool>) {
        let mut state = self.lock();
        state.tally.writes += 1;
        let reasons: Vec<_> = writes
            .iter()
            .map(|write| {
                if state.held.contains(&write.key) {
                    "TransactionConflict"
                } else if !state.has_units(&self.rules, write, 2.0) {
                    "ThrottlingError"
                } else {
                    "None"
                }
            })
            .collect();
        let of = |reason| reasons.iter().filter(|one| **one == reason).count() as u64;
        let (conflicts, throttled) = (of("TransactionConflict"), of("ThrottlingError"));
        state.tally.conflicts += conflicts;
        state.tally.conflicted += u64::from(conflicts > 0);
        state.tally.throttled += u64::from(throttled > 0);
        let prepared: Vec<_> = reasons.iter().map(|reason| *reason == "None").collect();
        for (write, _) in writes.iter().zip(&prepared).filter(|(_, prepared)| **prepared) {
            state.take(&self.rules, &write.key, write.units);
            state.held.insert(write.key.clone());
        }
        (reasons, prepared)
    }

    fn finish(&self, writes: &[Write], prepared: &[bool], committed: bool) {
        for (write, prepared) in writes.iter().zip(prepared) {
            let after = if committed { write.units.max(self.weigh(&write.key)) } else { 1.0 };
            let mut state = self.lock();
            if *prepared {
                state.held.remove(&write.key);
            }
            if committed {
                state.take(&self.rules, &write.key, after);
                state.tally.units += 2.0 * after;
            } else if *prepared {
                state.tally.wasted += write.units;
            }
        }
    }

    /// The item that an action is about.
    fn target(&self, operation: &str, action: &Value) -> Write {
        let table = action["TableName"].as_str().expect("a table").to_owned();
        let attributes = if operation.starts_with("Put") { &action["Item"] } else { &action["Key"] };
        let key = attributes[&self.keys[&table]]["S"].as_str().expect("a key").to_owned();
        let key = (table, key);
        let new = if operation.starts_with("Put") { units(attributes) } else { 1.0 };
        let stored = self.lock().units.get(&key).copied().unwrap_or(1.0);
        // Of the old item and the new the larger counts.
        Write { units: new.max(stored), key }
    }

    /// Takes down what a write of an item now takes.
    fn weigh(&self, key: &Key) -> f64 {
        let units = self.item(&key.0, &key.1).map_or(1.0, |item| units(&item));
        self.lock().units.insert(key.clone(), units);
        units
    }

    /// Waits about so long. Tokio's clock goes by the millisecond, so that a part
    /// of one is a chance of a whole one.
    async fn wait(&self, time: Duration) {
        let millis = {
            let mut state = self.lock();
            let share = 1.0 + self.rules.spread * (2.0 * state.random.f64() - 1.0);
            let exact = time.as_secs_f64() * 1000.0 * share;
            exact.floor() as u64 + u64::from(state.random.f64() < exact.fract())
        };
        sleep(Duration::from_millis(millis)).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the model")
    }
}

impl State {
    /// Whether a key has the units left for so many times a write.
    fn has_units(&mut self, rules: &Rules, write: &Write, times: f64) -> bool {
        self.bucket(rules, &write.key).units >= times * write.units
    }

    fn take(&mut self, rules: &Rules, key: &Key, units: f64) {
        self.bucket(rules, key).units -= units;
    }

    fn bucket(&mut self, rules: &Rules, key: &Key) -> &mut Bucket {
        let now = Instant::now();
        let full = || Bucket { units: rules.burst, at: now };
        let bucket = self.buckets.entry(key.clone()).or_insert_with(full);
        let gained = rules.units_per_second * (now - bucket.at).as_secs_f64();
        *bucket = Bucket { units: (bucket.units + gained).min(rules.burst), at: now };
        bucket
    }
}

/// One for each KB that was begun:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>
fn units(item: &Value) -> f64 {
    let bytes: usize =
        item.as_object().map_or(0, |item| item.iter().map(|(name, value)| name.len() + size(value)).sum());
    bytes.div_ceil(1024).max(1) as f64
}

/// The size of a value in bytes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size(value: &Value) -> usize {
    let (kind, content) = value.as_object().and_then(|value| value.iter().next()).expect("a value");
    match (kind.as_str(), content) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
        ("L", Value::Array(values)) => 3 + values.iter().map(|value| 1 + size(value)).sum::<usize>(),
        ("M", Value::Object(values)) => {
            3 + values.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

fn perform<Request: DeserializeOwned, Response: Serialize>(
    body: &str,
    operation: impl FnOnce(Request) -> dynoxide::Result<Response>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_str(body).expect("a request in JSON");
    operation(request).map(|response| serde_json::to_string(&response).expect("a response"))
}

fn respond(outcome: Result<String, DynoxideError>) -> Answer {
    outcome.map_or_else(|error| (error.status_code(), error.to_json()), |answer| (200, answer))
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

fn error(name: &str, message: &str) -> Answer {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{name}");
    (400, json!({"__type": kind, "message": message}).to_string())
}

fn canceled(reasons: &[&str]) -> Answer {
    let list = reasons.join(", ");
    let reasons: Vec<_> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{list}]"),
        "CancellationReasons": reasons,
    });
    (400, body.to_string())
}
