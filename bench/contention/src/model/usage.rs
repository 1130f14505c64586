//! Counters of the model's requests and write units.

/// Requests, conflicts, and write units since the model was created.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Write requests, successful or not.
    pub write_requests: u64,
    /// Items on which a request was rejected because of a transaction.
    /// CloudWatch counts `TransactionConflict` in the same way.
    pub conflicting_items: u64,
    /// Requests with at least one such item.
    pub conflicting_requests: u64,
    /// Requests that were throttled on at least one key.
    pub throttled_requests: u64,
    /// Write units of successful writes.
    pub write_units: f64,
    /// Write units of rejected writes: all units of a write whose condition
    /// failed, and the units of the items that a canceled transaction had
    /// prepared.
    pub rejected_units: f64,
}
