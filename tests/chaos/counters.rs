//! Counters of a test run.

use std::cell::Cell;

/// A number that grows by one at a time.
#[derive(Debug, Default)]
pub(crate) struct Counter(Cell<usize>);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0.set(self.0.get() + 1);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.get()
    }
}

/// The events of a test run that the report shows.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) repeated_requests: Counter,
    pub(crate) lost_responses: Counter,
    pub(crate) unknown_products: Counter,
    pub(crate) late_repeats: Counter,
    pub(crate) edits: Counter,
    pub(crate) deletions: Counter,
    pub(crate) failed_preconditions: Counter,
    pub(crate) aborted_invocations: Counter,
    pub(crate) batches: Counter,
    pub(crate) retried_batches: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) duplicate_deliveries: Counter,
    pub(crate) retried_deliveries: Counter,
    pub(crate) queue_batches: Counter,
    pub(crate) redelivered_messages: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) redriven: Counter,
    pub(crate) cuts: Counter,
}
