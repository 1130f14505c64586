//! Faults of single calls.

use crate::aws_error::AwsError;
use crate::gate::Gate;

/// A fault of one call to DynamoDB.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Error(AwsError),
    DropRequest,
    DropResponse,
    LeaveKeysUnprocessed(usize),
    HoldRequest(Gate),
    HoldResponse(Gate),
}

/// The behavior of the bus for one call.
#[derive(Debug, Clone)]
pub enum BusBehavior {
    /// Accepts all entries.
    Accept,
    /// Responds with HTTP 200, but rejects some entries.
    Reject(Vec<EntryRejection>),
    /// Fails the whole call.
    Fail(AwsError),
    /// Closes the connection without accepting an entry.
    DropRequest,
    /// Accepts the entries, then closes the connection without a response.
    DropResponse,
    /// Delays the call until the gate is opened, before an entry is accepted.
    HoldRequest(Gate),
    /// Accepts the entries, and delays the response until the gate is opened.
    HoldResponse(Gate),
}

impl BusBehavior {
    /// Returns a behavior that rejects the entries at these indexes with these error codes.
    pub fn reject<const N: usize>(rejections: [(usize, &'static str); N]) -> Self {
        Self::Reject(rejections.map(|(index, error_code)| EntryRejection { index, error_code }).into())
    }
}

/// The rejection of one entry of a call.
#[derive(Debug, Clone, Copy)]
pub struct EntryRejection {
    /// The position of the entry in the call, counted from 0.
    pub index: usize,
    /// The error code in the response.
    pub error_code: &'static str,
}
