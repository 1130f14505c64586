//! The plan of a reservation, and the outcome of a conditional write.

use domain::{CorrelationId, EventKind, EventMetadata, Order, OutboxEvent, Timestamp, TraceParent};

/// The plan to reserve the stock of an order and to confirm it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) order: Order,
    pub(crate) write: PlannedWrite,
    /// Request that placed the order.
    correlation_id: CorrelationId,
    /// Trace of that request, if it is recorded.
    traceparent: Option<TraceParent>,
}

/// The way an order becomes confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlannedWrite {
    /// Update the stored order, which has the lines of the plan.
    Update,
    /// Insert the order.
    Insert,
}

impl Plan {
    /// Plans to confirm the order that an OrderPlaced claims to be stored.
    pub(crate) fn from_claim(claimed: &Order, metadata: Option<&EventMetadata>) -> Self {
        let correlation_id = EventMetadata::correlation_id_of(metadata, &claimed.id);
        let traceparent = metadata.and_then(|metadata| metadata.traceparent.clone());
        Self { order: claimed.clone(), write: PlannedWrite::Update, correlation_id, traceparent }
    }

    /// Plans to confirm the stored order instead.
    pub(crate) fn update(self, stored: Order) -> Self {
        Self { order: stored, write: PlannedWrite::Update, ..self }
    }

    /// Plans to insert the claimed order, because none is stored.
    pub(crate) fn insert(self, claimed: Order) -> Self {
        Self { order: claimed, write: PlannedWrite::Insert, ..self }
    }

    /// Creates the event of the order's reservation or rejection at `time`. It has the
    /// correlation id and the trace of the OrderPlaced.
    pub(crate) fn event(&self, kind: EventKind, time: Timestamp) -> OutboxEvent {
        OutboxEvent::new(&self.order.id, kind, time, self.correlation_id.clone())
            .with_trace(self.traceparent.clone())
    }
}

/// The outcome of a write that is conditional on the order as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The write was applied.
    Applied,
    /// The order changed since it was read. Nothing was written.
    OrderChanged,
}
