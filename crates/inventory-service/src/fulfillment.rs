//! OrderShipped and OrderDelivered: set the status and the shipment of the order.

use domain::{EventMetadata, OrderAction, OrderId, Shipment, Transition, transition};

use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::{AdvanceOutcome, Store};

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
    let event_id = metadata.map(|metadata| &metadata.event_id);
    let outcome =
        store.retry_on_conflict(async || store.advance(id, action, shipment, event_id).await).await?;
    match outcome {
        AdvanceOutcome::Advanced => Ok(Outcome::StatusChanged(action.target())),
        AdvanceOutcome::Acknowledged => Ok(Outcome::Completed),
        AdvanceOutcome::NotAllowed(None) => Err(ApplyError::OrderMissing(id.clone())),
        AdvanceOutcome::NotAllowed(Some(order)) => match transition(order.status, action) {
            Transition::AlreadyApplied => Ok(Outcome::Stale),
            _ => Err(ApplyError::not_allowed(&order, action)),
        },
    }
}
