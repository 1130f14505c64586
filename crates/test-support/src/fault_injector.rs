//! Random faults as DynamoDB, EventBridge and SQS produce them.

use std::collections::BTreeMap;
use std::ops::Range;

use fastrand::Rng;
use hyper::body::Bytes;
use serde_json::Value;

use crate::aws_error::AwsError;
use crate::fault::{BusBehavior, EntryRejection, Fault};
use crate::gate::Gate;

/// One fault in this many is a response after the client's timeout. It is rare because the client
/// waits three seconds for it.
const LATE_RESPONSE_ONE_IN: u8 = 25;

/// Reasons for which DynamoDB cancels a transaction because of contention.
const CONTENTION: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// A seeded source of random faults.
#[derive(Debug)]
pub struct FaultInjector {
    rng: Rng,
    share: f64,
    /// The number of calls so far.
    calls: usize,
    outage: Range<usize>,
    /// An outage that lasts until it is ended.
    is_out: bool,
    injected: BTreeMap<&'static str, usize>,
}

/// The fate of one call.
enum CallOutcome {
    Success,
    /// The service is unavailable.
    Outage,
    /// A random fault.
    Fault,
}

impl FaultInjector {
    /// Returns an injector that makes a `share` of all calls fail, from 0 to 1.
    #[must_use]
    pub fn new(seed: u64, share: f64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            share,
            calls: 0,
            outage: 0..0,
            is_out: false,
            injected: BTreeMap::new(),
        }
    }

    /// Returns the number of injected faults of each kind.
    #[must_use]
    pub const fn injected(&self) -> &BTreeMap<&'static str, usize> {
        &self.injected
    }

    /// Makes all of these calls fail as unavailable, counted from 0.
    #[must_use]
    pub fn with_outage(self, outage: Range<usize>) -> Self {
        Self { outage, ..self }
    }

    /// Makes all calls fail as unavailable, or ends that.
    pub(crate) const fn set_outage(&mut self, is_out: bool) {
        self.is_out = is_out;
    }

    /// Counts a call, and draws its outcome.
    fn next_outcome(&mut self) -> CallOutcome {
        let call = self.calls;
        self.calls += 1;
        if self.is_out || self.outage.contains(&call) {
            self.count("outage");
            CallOutcome::Outage
        } else if self.rng.f64() < self.share {
            CallOutcome::Fault
        } else {
            CallOutcome::Success
        }
    }

    fn count(&mut self, kind: &'static str) {
        *self.injected.entry(kind).or_default() += 1;
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *self.rng.choice(choices).expect("at least one choice")
    }

    /// Picks one of these faults, and counts its kind.
    fn pick_and_count<T>(&mut self, mut faults: Vec<(&'static str, T)>) -> T {
        let (kind, fault) = faults.swap_remove(self.rng.usize(..faults.len()));
        self.count(kind);
        fault
    }

    /// Returns the fault for a DynamoDB call, if it fails.
    pub(crate) fn on_dynamodb(&mut self, operation: &str, body: &Bytes) -> Option<Fault> {
        match self.next_outcome() {
            CallOutcome::Success => None,
            CallOutcome::Outage => Some(Fault::Error(AwsError::unavailable())),
            CallOutcome::Fault => Some(self.dynamodb_fault(operation, body)),
        }
    }

    fn dynamodb_fault(&mut self, operation: &str, body: &Bytes) -> Fault {
        if self.rng.u8(..LATE_RESPONSE_ONE_IN) == 0 {
            self.count("response too late");
            return Fault::HoldResponse(Gate::default());
        }
        let throttled =
            self.pick(&[AwsError::throttled, AwsError::throughput_exceeded, AwsError::request_limit]);
        let server_error = self.pick(&[AwsError::internal, AwsError::unavailable]);
        let mut faults = vec![
            ("throttled", Fault::Error(throttled())),
            ("internal error", Fault::Error(server_error())),
            ("request lost", Fault::DropRequest),
            ("response lost", Fault::DropResponse),
        ];
        match operation {
            "TransactWriteItems" => {
                // Three entries, because contention is the most frequent failure of a transaction.
                for _ in 0..3 {
                    faults.push(("transaction canceled", Fault::Error(self.canceled(body))));
                }
                faults.push(("transaction in progress", Fault::Error(AwsError::transaction_in_progress())));
            }
            "PutItem" | "UpdateItem" => {
                faults.push(("transaction conflict", Fault::Error(AwsError::transaction_conflict())));
            }
            "BatchGetItem" => {
                faults.push(("keys unprocessed", Fault::LeaveKeysUnprocessed(self.rng.usize(1..4))));
            }
            _ => {}
        }
        self.pick_and_count(faults)
    }

    /// Returns the cancellation of a transaction with contention on some of its items.
    fn canceled(&mut self, body: &Bytes) -> AwsError {
        let request: Value = serde_json::from_slice(body).expect("a request in JSON");
        let items = request["TransactItems"].as_array().expect("items of a transaction").len();
        let mut reasons = vec!["None"; items];
        for _ in 0..self.rng.usize(1..=items) {
            let item = self.rng.usize(..items);
            reasons[item] = self.pick(&CONTENTION);
        }
        AwsError::transaction_canceled(&reasons)
    }

    /// Returns the behavior of EventBridge for a call with this many entries.
    pub(crate) fn on_bus(&mut self, entries: usize) -> BusBehavior {
        match self.next_outcome() {
            CallOutcome::Success => BusBehavior::Accept,
            CallOutcome::Outage => BusBehavior::Fail(AwsError::unavailable()),
            CallOutcome::Fault => self.bus_fault(entries),
        }
    }

    /// Returns the fault for a call to SQS, if it fails.
    pub(crate) fn on_sqs(&mut self) -> Option<Fault> {
        match self.next_outcome() {
            CallOutcome::Success => None,
            CallOutcome::Outage => Some(Fault::Error(AwsError::unavailable())),
            CallOutcome::Fault => Some(self.sqs_fault()),
        }
    }

    fn sqs_fault(&mut self) -> Fault {
        let faults = vec![
            ("throttled", Fault::Error(AwsError::throttled())),
            ("internal error", Fault::Error(AwsError::internal())),
            ("request lost", Fault::DropRequest),
            ("response lost", Fault::DropResponse),
        ];
        self.pick_and_count(faults)
    }

    fn bus_fault(&mut self, entries: usize) -> BusBehavior {
        let server_error = self.pick(&[AwsError::internal, AwsError::unavailable]);
        let faults = vec![
            ("throttled", BusBehavior::Fail(AwsError::throttled())),
            ("internal error", BusBehavior::Fail(server_error())),
            ("request lost", BusBehavior::DropRequest),
            ("response lost", BusBehavior::DropResponse),
            ("entries rejected", BusBehavior::Reject(self.rejections(entries))),
        ];
        self.pick_and_count(faults)
    }

    fn rejections(&mut self, entries: usize) -> Vec<EntryRejection> {
        let count = self.rng.usize(1..=entries);
        let mut rejections = Vec::new();
        for index in self.rng.choose_multiple(0..entries, count) {
            let error_code = self.pick(&["ThrottlingException", "InternalFailure"]);
            rejections.push(EntryRejection { index, error_code });
        }
        rejections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: usize = 3000;
    const TRANSACTION: &[u8] = br#"{"TransactItems":[{},{},{}]}"#;

    /// Returns the number of faults of each kind that calls of an operation get.
    fn injected(operation: &str, seed: u64, share: f64) -> BTreeMap<&'static str, usize> {
        let mut injector = FaultInjector::new(seed, share);
        let body = Bytes::from_static(TRANSACTION);
        let faults = (0..CALLS).filter(|_| injector.on_dynamodb(operation, &body).is_some()).count();
        assert_eq!(injector.injected().values().sum::<usize>(), faults);
        injector.injected
    }

    #[test]
    fn fails_the_given_share_of_calls_reproducibly_for_a_seed() {
        assert!(injected("GetItem", 1, 0.0).is_empty());
        assert_eq!(injected("GetItem", 1, 1.0).values().sum::<usize>(), CALLS);
        let tenth = injected("GetItem", 1, 0.1);
        assert!((200..400).contains(&tenth.values().sum::<usize>()), "{tenth:?}");
        assert_eq!(injected("GetItem", 1, 0.1), tenth);
        assert_ne!(injected("GetItem", 2, 0.1), tenth);
    }

    #[test]
    fn fails_every_call_during_an_outage() {
        let mut injector = FaultInjector::new(1, 0.0).with_outage(2..5);
        let failed = [(); 7].map(|()| injector.on_dynamodb("GetItem", &Bytes::new()).is_some());
        assert_eq!(failed, [false, false, true, true, true, false, false]);
        let mut injector = FaultInjector::new(1, 0.0).with_outage(1..2);
        let accepted = [(); 3].map(|()| matches!(injector.on_bus(1), BusBehavior::Accept));
        assert_eq!(accepted, [true, false, true]);
        assert_eq!(injector.injected()["outage"], 1);
        injector.set_outage(true);
        assert!(matches!(injector.on_bus(1), BusBehavior::Fail(_)));
        injector.set_outage(false);
        assert!(matches!(injector.on_bus(1), BusBehavior::Accept));
    }

    #[test]
    fn injects_every_fault_kind() {
        let common = ["internal error", "request lost", "response lost", "response too late", "throttled"];
        for (operation, special) in [
            ("GetItem", &[][..]),
            ("BatchGetItem", &["keys unprocessed"]),
            ("PutItem", &["transaction conflict"]),
            ("UpdateItem", &["transaction conflict"]),
            ("TransactWriteItems", &["transaction canceled", "transaction in progress"]),
        ] {
            let mut kinds = [&common, special].concat();
            kinds.sort_unstable();
            assert_eq!(injected(operation, 1, 0.5).into_keys().collect::<Vec<_>>(), kinds, "{operation}");
        }
    }

    #[test]
    fn injects_every_fault_kind_of_sqs() {
        let mut injector = FaultInjector::new(1, 0.5);
        let faults = (0..CALLS).filter(|_| injector.on_sqs().is_some()).count();
        assert_eq!(injector.injected().values().sum::<usize>(), faults);
        let kinds = ["internal error", "request lost", "response lost", "throttled"];
        assert_eq!(injector.injected().keys().copied().collect::<Vec<_>>(), kinds);
    }

    #[test]
    fn injects_every_fault_kind_of_eventbridge_and_rejects_only_existing_entries() {
        let mut injector = FaultInjector::new(1, 0.5);
        for entries in (1..=10).cycle().take(CALLS) {
            if let BusBehavior::Reject(rejections) = injector.on_bus(entries) {
                assert!(!rejections.is_empty() && rejections.iter().all(|entry| entry.index < entries));
            }
        }
        let kinds = ["entries rejected", "internal error", "request lost", "response lost", "throttled"];
        assert_eq!(injector.injected().keys().copied().collect::<Vec<_>>(), kinds);
    }
}
