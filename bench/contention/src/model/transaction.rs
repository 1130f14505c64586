//! `TransactWriteItems`.

use serde_json::Value;

use super::response::DynamoDbResponse;
use super::{DynamoDbModel, Write, parse, perform};

/// The result of preparing one action of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preparation {
    /// The transaction holds the item.
    Held,
    /// Another transaction holds the item.
    Conflict,
    /// The key has too few write units left.
    Throttled,
}

impl Preparation {
    /// Returns the code in the cancellation reasons.
    const fn code(self) -> &'static str {
        match self {
            Self::Held => "None",
            Self::Conflict => "TransactionConflict",
            Self::Throttled => "ThrottlingError",
        }
    }
}

impl DynamoDbModel {
    /// Prepares every item and then commits every item. Each of the two costs
    /// the units of a write:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling>.
    /// The transaction is canceled after the first of the two if another
    /// transaction holds one of the items or if a key has too few units left.
    pub(super) async fn transact(&self, body: &str) -> DynamoDbResponse {
        let writes = self.actions(&parse(body));
        let actions = u32::try_from(writes.len()).expect("a small number of actions");
        let phase = (self.assumptions.transaction + self.assumptions.per_action * actions) / 2;
        let preparations = self.prepare(&writes);
        self.wait(phase).await;
        let response = if preparations.iter().all(|preparation| *preparation == Preparation::Held) {
            let result = perform(body, |request| self.database.transact_write_items(request));
            DynamoDbResponse::from_engine(result)
        } else {
            let codes: Vec<_> = preparations.iter().map(|preparation| preparation.code()).collect();
            DynamoDbResponse::transaction_canceled(&codes)
        };
        if response.is_success() {
            self.wait(phase).await;
        }
        self.finish(&writes, &preparations, response.is_success());
        response
    }

    fn actions(&self, request: &Value) -> Vec<Write> {
        let actions = request["TransactItems"].as_array().expect("the actions").iter();
        let named = actions.flat_map(|action| action.as_object().expect("an action"));
        named.map(|(operation, action)| self.write_of(operation, action)).collect()
    }

    /// Holds every item that can be held. Returns one result for each write.
    fn prepare(&self, writes: &[Write]) -> Vec<Preparation> {
        let mut state = self.lock();
        let mut preparations = Vec::with_capacity(writes.len());
        for write in writes {
            preparations.push(if state.held.contains(&write.key) {
                Preparation::Conflict
            } else if !state.capacity.has(&self.assumptions, &write.key, 2.0 * write.units) {
                Preparation::Throttled
            } else {
                Preparation::Held
            });
        }
        let count = |wanted| preparations.iter().filter(|preparation| **preparation == wanted).count() as u64;
        let (conflicts, throttled) = (count(Preparation::Conflict), count(Preparation::Throttled));
        state.usage.write_requests += 1;
        state.usage.conflicting_items += conflicts;
        state.usage.conflicting_requests += u64::from(conflicts > 0);
        state.usage.throttled_requests += u64::from(throttled > 0);
        for (write, preparation) in writes.iter().zip(&preparations) {
            if *preparation == Preparation::Held {
                state.capacity.consume(&self.assumptions, &write.key, write.units);
                state.held.insert(write.key.clone());
            }
        }
        preparations
    }

    /// Releases the held items and counts the units.
    fn finish(&self, writes: &[Write], preparations: &[Preparation], committed: bool) {
        for (write, preparation) in writes.iter().zip(preparations) {
            let held = *preparation == Preparation::Held;
            let units = if committed { write.units.max(self.update_stored_units(&write.key)) } else { 1.0 };
            let mut state = self.lock();
            if held {
                state.held.remove(&write.key);
            }
            if committed {
                state.capacity.consume(&self.assumptions, &write.key, units);
                state.usage.write_units += 2.0 * units;
            } else if held {
                state.usage.rejected_units += write.units;
            }
        }
    }
}
