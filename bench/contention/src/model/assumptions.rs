//! The model's times and limits.

use std::time::Duration;

/// The times and limits that the model assumes.
#[derive(Debug, Clone, Copy)]
pub struct Assumptions {
    /// Network time from the function to DynamoDB and back.
    pub round_trip: Duration,
    /// DynamoDB's time for a read or write of a single item.
    pub single_item: Duration,
    /// DynamoDB's time for a transaction without its actions: one half to
    /// prepare, one half to commit
    /// (<https://www.usenix.org/conference/atc23/presentation/idziorek>). The
    /// transaction holds its items during both.
    pub transaction: Duration,
    /// Additional time for each action of a transaction.
    pub per_action: Duration,
    /// Random variation of each of these times, up and down, as a fraction.
    pub jitter: f64,
    /// Write units that one key accepts per second, the limit of a partition:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>.
    pub write_units_per_second: f64,
    /// Write units that an idle key accepts at once.
    pub burst_units: f64,
}

impl Default for Assumptions {
    /// Returns AWS's limit, and times of the order seen by a function in the
    /// same region. AWS does not publish times.
    ///
    /// Adaptive capacity gives a hot item a partition of its own, with the
    /// limit of a partition. The model therefore never throttles by table or
    /// by neighboring keys. Burst capacity is a tenth of a second's units: AWS
    /// may keep the units of five minutes, but does not promise them:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html>.
    fn default() -> Self {
        Self {
            round_trip: Duration::from_millis(2),
            single_item: Duration::from_millis(3),
            transaction: Duration::from_millis(6),
            per_action: Duration::from_micros(100),
            jitter: 0.2,
            write_units_per_second: 1000.0,
            burst_units: 100.0,
        }
    }
}
