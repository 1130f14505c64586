//! OrderPlaced: reserves the stock of all lines, or rejects the order.

use aws::ServiceError;
use domain::{EventKind, EventMetadata, Order, OrderAction, Shortage, Transition, transition};
use lambda::clock::now;
use tracing::Span;
use tracing::field::debug;

use crate::acknowledgment::acknowledge_stale;
use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::{Plan, Rejection, Store, TransactionOutcome, WriteOutcome};

/// Maximum number of plans: one from the event's claims, one to create the order, one
/// from the stored order, and one after a concurrent change.
const MAX_PLANS: usize = 4;

/// Reserves the stock of an order and confirms it, or rejects it.
///
/// The first plan trusts the lines in the event and needs no read. The transaction
/// checks them: the lines of the stored order are authoritative.
///
/// # Errors
/// [`ApplyError`] if a write fails or the order keeps changing.
pub(crate) async fn reserve(
    store: &Store,
    claimed: &Order,
    metadata: Option<&EventMetadata>,
) -> Result<Outcome, ApplyError> {
    let mut plan = Plan::from_claim(claimed, metadata);
    for _ in 0..MAX_PLANS {
        let outcome = store.retry_on_conflict(async || store.reserve(&plan).await).await?;
        plan = match outcome {
            TransactionOutcome::Committed => {
                return Ok(Outcome::StatusChanged(OrderAction::Confirm.target()));
            }
            TransactionOutcome::OrderDiffers(None) => plan.insert(claimed.clone()),
            TransactionOutcome::OrderDiffers(Some(stored)) => {
                match transition(stored.order.status, OrderAction::Confirm) {
                    Transition::Allowed => plan.update(stored.order),
                    _ => {
                        let event = metadata.map(|metadata| &metadata.event_id);
                        return acknowledge_stale(store, &stored, event).await;
                    }
                }
            }
            TransactionOutcome::Short(shortages) => match reject(store, &plan, shortages).await? {
                WriteOutcome::Applied => {
                    return Ok(Outcome::StatusChanged(OrderAction::Reject.target()));
                }
                // The next transaction reports how the order changed.
                WriteOutcome::OrderChanged => plan,
            },
        };
    }
    Err(ServiceError::Conflict(format!("order {} keeps changing", claimed.id)).into())
}

/// Rejects the order of `plan`, unless it changed concurrently.
///
/// # Errors
/// [`ApplyError`] if the write fails.
pub(crate) async fn reject(
    store: &Store,
    plan: &Plan,
    shortages: Vec<Shortage>,
) -> Result<WriteOutcome, ApplyError> {
    let rejection = Rejection { shortages, event: plan.event(EventKind::Rejected, now()) };
    let outcome = store.retry_on_conflict(async || store.reject(plan, &rejection).await).await?;
    if outcome == WriteOutcome::Applied {
        Span::current().record("shortages", debug(&rejection.shortages));
    }
    Ok(outcome)
}
