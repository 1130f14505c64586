//! OrderShipped and OrderDelivered: set the status and the shipment of the order.

use domain::{EventId, EventKind, EventMetadata, OrderAction, OrderId, Shipment, Transition, transition};
use dynamodb::attribute::OUTBOX;

use crate::acknowledgment::acknowledge_stale;
use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::{AcknowledgeOutcome, AdvanceOutcome, Store};

/// Applies an action that changes no stock, and stores the values that `shipment` has.
///
/// # Errors
/// [`ApplyError`] if the order does not exist yet, or its status does not allow the
/// action yet or at all.
pub(crate) async fn advance(
    store: &Store,
    id: &OrderId,
    action: OrderAction,
    shipment: &Shipment,
    metadata: Option<&EventMetadata>,
) -> Result<Outcome, ApplyError> {
    if let Some(event) = EventMetadata::own_event_id(metadata, id, EventKind::of(action))
        && let Some(outcome) = finish(store, id, action, event).await?
    {
        return Ok(outcome);
    }
    match store.retry_on_conflict(async || store.advance(id, action, shipment).await).await? {
        AdvanceOutcome::Advanced => Ok(Outcome::StatusChanged(action.target())),
        AdvanceOutcome::NotAllowed(None) => Err(ApplyError::OrderMissing(id.clone())),
        AdvanceOutcome::NotAllowed(Some(order)) => match transition(order.status, action) {
            Transition::AlreadyApplied => Ok(Outcome::Stale),
            _ => Err(ApplyError::not_allowed(&order, action)),
        },
    }
}

/// Removes this system's own event from the outbox: the write that stored it also set the status.
/// Returns `None` if the order does not have the status.
async fn finish(
    store: &Store,
    id: &OrderId,
    action: OrderAction,
    event: &EventId,
) -> Result<Option<Outcome>, ApplyError> {
    let outcome = store.retry_on_conflict(async || store.acknowledge(id, OUTBOX, event).await).await?;
    let stored = match outcome {
        AcknowledgeOutcome::Acknowledged => return Ok(Some(Outcome::Completed)),
        AcknowledgeOutcome::NotHeld(stored) => stored,
    };
    match stored {
        Some(stored) if transition(stored.order.status, action) == Transition::AlreadyApplied => {
            acknowledge_stale(store, &stored, Some(event)).await.map(Some)
        }
        _ => Ok(None),
    }
}
