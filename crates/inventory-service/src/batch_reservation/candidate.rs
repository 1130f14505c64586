//! The state of each order of a batch until it has a result.

use domain::{EventMetadata, Order, Shortage};
use dynamodb::StoredOrder;
use tracing::Span;

use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::Plan;

/// An OrderPlaced event of a batch.
#[derive(Debug)]
pub(crate) struct Placement {
    /// Index of its message in the batch.
    pub(crate) message: usize,
    /// Order as the event claims it to be.
    pub(crate) claimed: Order,
    pub(crate) metadata: Option<EventMetadata>,
    /// Span of its log lines.
    pub(crate) span: Span,
}

impl Placement {
    /// Returns true if the stored order holds the event in its outbox.
    pub(super) fn is_held_by(&self, stored: &StoredOrder) -> bool {
        let event = self.metadata.as_ref().map(|metadata| &metadata.event_id);
        event.is_some_and(|event| stored.attribute_of(event).is_some())
    }
}

/// A placement without a result yet.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Index of the placement.
    pub(super) placement: usize,
    pub(super) plan: Plan,
    /// Transactions that it took part in.
    pub(super) rounds: usize,
}

/// The result of a placement.
#[derive(Debug)]
pub(super) struct Settled {
    /// Index of the placement.
    pub(super) placement: usize,
    pub(super) result: Result<Outcome, ApplyError>,
}

/// A candidate that requests more than the stock on hand.
#[derive(Debug)]
pub(super) struct ShortCandidate {
    pub(super) candidate: Candidate,
    pub(super) shortages: Vec<Shortage>,
}
