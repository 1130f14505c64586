//! Faults by chance: a share of the calls goes wrong, in the ways in which
//! calls of DynamoDB and EventBridge do.

use std::collections::BTreeMap;
use std::ops::Range;

use fastrand::Rng;
use hyper::body::Bytes;
use serde_json::Value;

use crate::aws_error::AwsError;
use crate::bus::Reaction;
use crate::proxy::{Fault, Gate};

/// One fault in so many is an answer that comes too late. It costs a client
/// the three seconds for which it waits, so there are few.
const LATE: u8 = 25;

/// Reasons for which DynamoDB cancels a transaction that met others.
const CONTENTION: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// Decides, from a seed, what goes wrong with which call.
#[derive(Debug)]
pub struct Weather {
    rng: Rng,
    share: f64,
    /// How many calls there were.
    calls: usize,
    outage: Range<usize>,
    struck: BTreeMap<&'static str, usize>,
}

impl Weather {
    /// Weather in which the `share` of all calls, from 0 to 1, goes wrong.
    #[must_use]
    pub fn new(seed: u64, share: f64) -> Self {
        Self { rng: Rng::with_seed(seed), share, calls: 0, outage: 0..0, struck: BTreeMap::new() }
    }

    /// How many calls went wrong, by the way in which they did.
    #[must_use]
    pub const fn struck(&self) -> &BTreeMap<&'static str, usize> {
        &self.struck
    }

    /// Has the service away for these calls, counted from 0: all of them fail.
    #[must_use]
    pub fn with_outage(self, outage: Range<usize>) -> Self {
        Self { outage, ..self }
    }

    fn strikes(&mut self) -> bool {
        self.calls += 1;
        self.rng.f64() < self.share
    }

    fn is_away(&mut self) -> bool {
        let away = self.outage.contains(&self.calls);
        if away {
            self.calls += 1;
            *self.struck.entry("service away").or_default() += 1;
        }
        away
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        *self.rng.choice(from).expect("something to choose from")
    }

    /// What goes wrong with a call of DynamoDB, if anything does.
    pub(crate) fn on_dynamodb(&mut self, operation: &str, body: &Bytes) -> Option<Fault> {
        if self.is_away() {
            return Some(Fault::Error(AwsError::unavailable()));
        }
        if !self.strikes() {
            return None;
        }
        let throttled =
            self.choose(&[AwsError::throttled, AwsError::throughput_exceeded, AwsError::request_limit]);
        let broken = self.choose(&[AwsError::internal, AwsError::unavailable]);
        let mut faults = vec![
            ("throttled", Fault::Error(throttled())),
            ("internal error", Fault::Error(broken())),
            ("request lost", Fault::LoseRequest),
            ("answer lost", Fault::LoseAnswer),
        ];
        match operation {
            "TransactWriteItems" => {
                faults.extend((0..3).map(|_| ("transaction canceled", Fault::Error(self.canceled(body)))));
                faults.push(("transaction in progress", Fault::Error(AwsError::transaction_in_progress())));
            }
            "PutItem" | "UpdateItem" => {
                faults.push(("held by a transaction", Fault::Error(AwsError::transaction_conflict())));
            }
            "BatchGetItem" => faults.push(("keys left out", Fault::LeaveOutKeys(self.rng.usize(1..4)))),
            _ => {}
        }
        if self.rng.u8(..LATE) == 0 {
            faults = vec![("answer too late", Fault::HoldAnswer(Gate::default()))];
        }
        Some(self.one_of(faults))
    }

    fn one_of<T>(&mut self, mut faults: Vec<(&'static str, T)>) -> T {
        let (kind, fault) = faults.swap_remove(self.rng.usize(..faults.len()));
        *self.struck.entry(kind).or_default() += 1;
        fault
    }

    /// A transaction that met others at some of its items.
    fn canceled(&mut self, body: &Bytes) -> AwsError {
        let request: Value = serde_json::from_slice(body).expect("a request in JSON");
        let items = request["TransactItems"].as_array().expect("items of a transaction").len();
        let mut reasons = vec!["None"; items];
        for _ in 0..self.rng.usize(1..=items) {
            let item = self.rng.usize(..items);
            reasons[item] = self.choose(&CONTENTION);
        }
        AwsError::transaction_canceled(&reasons)
    }

    /// How EventBridge meets a call with so many entries.
    pub(crate) fn on_bus(&mut self, entries: usize) -> Reaction {
        if self.is_away() {
            return Reaction::Fail(AwsError::unavailable());
        }
        if !self.strikes() {
            return Reaction::Accept;
        }
        let broken = self.choose(&[AwsError::internal, AwsError::unavailable]);
        let faults = vec![
            ("throttled", Reaction::Fail(AwsError::throttled())),
            ("internal error", Reaction::Fail(broken())),
            ("request lost", Reaction::LoseRequest),
            ("answer lost", Reaction::LoseAnswer),
            ("entries refused", Reaction::Refuse(self.refused(entries))),
        ];
        self.one_of(faults)
    }

    fn refused(&mut self, entries: usize) -> Vec<(usize, &'static str)> {
        let count = self.rng.usize(1..=entries);
        let positions = self.rng.choose_multiple(0..entries, count);
        let code = |at| (at, self.choose(&["ThrottlingException", "InternalFailure"]));
        positions.into_iter().map(code).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: usize = 3000;
    const TRANSACTION: &[u8] = br#"{"TransactItems":[{},{},{}]}"#;

    /// How often each kind of fault strikes calls of an operation.
    fn struck(operation: &str, seed: u64, share: f64) -> BTreeMap<&'static str, usize> {
        let mut weather = Weather::new(seed, share);
        let body = Bytes::from_static(TRANSACTION);
        let faults = (0..CALLS).filter(|_| weather.on_dynamodb(operation, &body).is_some()).count();
        assert_eq!(weather.struck().values().sum::<usize>(), faults);
        weather.struck
    }

    #[test]
    fn a_share_of_the_calls_goes_wrong_as_the_seed_has_it() {
        assert!(struck("GetItem", 1, 0.0).is_empty());
        assert_eq!(struck("GetItem", 1, 1.0).values().sum::<usize>(), CALLS);
        let tenth = struck("GetItem", 1, 0.1);
        assert!((200..400).contains(&tenth.values().sum::<usize>()), "{tenth:?}");
        assert_eq!(struck("GetItem", 1, 0.1), tenth);
        assert_ne!(struck("GetItem", 2, 0.1), tenth);
    }

    #[test]
    fn in_an_outage_every_call_fails() {
        let mut weather = Weather::new(1, 0.0).with_outage(2..5);
        let mut fails = || weather.on_dynamodb("GetItem", &Bytes::new()).is_some();
        assert_eq!([(); 7].map(|()| fails()), [false, false, true, true, true, false, false]);
        let mut weather = Weather::new(1, 0.0).with_outage(1..2);
        let mut accepts = || matches!(weather.on_bus(1), Reaction::Accept);
        assert_eq!([(); 3].map(|()| accepts()), [true, false, true]);
        assert_eq!(weather.struck()["service away"], 1);
    }

    #[test]
    fn each_operation_goes_wrong_in_every_way_in_which_it_can() {
        let common = ["answer lost", "answer too late", "internal error", "request lost", "throttled"];
        for (operation, special) in [
            ("GetItem", &[][..]),
            ("BatchGetItem", &["keys left out"]),
            ("PutItem", &["held by a transaction"]),
            ("UpdateItem", &["held by a transaction"]),
            ("TransactWriteItems", &["transaction canceled", "transaction in progress"]),
        ] {
            let mut kinds = [&common, special].concat();
            kinds.sort_unstable();
            assert_eq!(struck(operation, 1, 0.5).into_keys().collect::<Vec<_>>(), kinds, "{operation}");
        }
    }

    #[test]
    fn eventbridge_goes_wrong_in_every_way_and_refuses_entries_that_there_are() {
        let mut weather = Weather::new(1, 0.5);
        for entries in (1..=10).cycle().take(CALLS) {
            if let Reaction::Refuse(refused) = weather.on_bus(entries) {
                assert!(!refused.is_empty() && refused.iter().all(|(position, _)| *position < entries));
            }
        }
        let kinds = ["answer lost", "entries refused", "internal error", "request lost", "throttled"];
        assert_eq!(weather.struck().keys().copied().collect::<Vec<_>>(), kinds);
    }
}
