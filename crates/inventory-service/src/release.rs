//! OrderCanceled: releases the stock that the order holds.

use aws::ServiceError;
use domain::{EventId, EventMetadata, Order, OrderAction, Transition, transition};
use dynamodb::attribute::OUTBOX;
use dynamodb::{InsertOutcome, StoredOrder};

use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::{Store, WriteOutcome};

/// Maximum number of reads, in case the order changes between a read and a write.
const MAX_READS: usize = 5;

/// The work that an OrderCanceled still requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RemainingWork<'a> {
    /// Release the reserved stock and cancel the order.
    Release,
    /// Cancel the order, which holds no stock.
    Cancel,
    /// Remove this event from the outbox.
    Acknowledge(&'a EventId),
    /// Nothing.
    Nothing,
}

/// Cancels the order and releases its reserved stock.
///
/// # Errors
/// [`ApplyError`] if the order can no longer be canceled or a write fails.
pub(crate) async fn cancel(
    store: &Store,
    claimed: &Order,
    metadata: Option<&EventMetadata>,
) -> Result<Outcome, ApplyError> {
    let event_id = metadata.map(|metadata| &metadata.event_id);
    for _ in 0..MAX_READS {
        let outcome = match store.order(&claimed.id).await? {
            None => insert_tombstone(store, claimed).await?,
            Some(stored) => finish_cancellation(store, &stored, event_id).await?,
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
    Err(ServiceError::Conflict(format!("order {} keeps changing", claimed.id)).into())
}

/// Inserts a canceled order for an unknown id, so that an OrderPlaced that arrives
/// later reserves nothing. Returns `None` if the order exists by now.
async fn insert_tombstone(store: &Store, claimed: &Order) -> Result<Option<Outcome>, ApplyError> {
    let canceled = Order { status: OrderAction::Cancel.target(), ..claimed.clone() };
    let status = canceled.status;
    let tombstone = StoredOrder::from(canceled);
    match store.retry_on_conflict(async || store.insert(&tombstone).await).await? {
        InsertOutcome::Inserted => Ok(Some(Outcome::StatusChanged(status))),
        InsertOutcome::AlreadyExists(_) => Ok(None),
    }
}

/// Does the remaining work for an order as it was read. Returns `None` if the order
/// changed since.
async fn finish_cancellation(
    store: &Store,
    stored: &StoredOrder,
    event_id: Option<&EventId>,
) -> Result<Option<Outcome>, ApplyError> {
    let order = &stored.order;
    let work = remaining_work(stored, event_id)?;
    let written = store.retry_on_conflict(async || match work {
        RemainingWork::Release => store.release(stored, event_id).await,
        RemainingWork::Cancel => store.cancel(order).await,
        RemainingWork::Acknowledge(id) => {
            store.acknowledge(&order.id, OUTBOX, id).await.map(WriteOutcome::from)
        }
        RemainingWork::Nothing => Ok(WriteOutcome::Applied),
    });
    Ok(match (written.await?, work, transition(order.status, OrderAction::Cancel)) {
        (WriteOutcome::OrderChanged, ..) => None,
        (WriteOutcome::Applied, RemainingWork::Nothing, _) => Some(Outcome::Stale),
        (WriteOutcome::Applied, _, Transition::Allowed) => {
            Some(Outcome::StatusChanged(OrderAction::Cancel.target()))
        }
        (WriteOutcome::Applied, ..) => Some(Outcome::Completed),
    })
}

fn remaining_work<'a>(
    stored: &StoredOrder,
    event_id: Option<&'a EventId>,
) -> Result<RemainingWork<'a>, ApplyError> {
    let order = &stored.order;
    match (transition(order.status, OrderAction::Cancel), order.stock_reserved) {
        (Transition::Allowed | Transition::AlreadyApplied, true) => Ok(RemainingWork::Release),
        (Transition::Allowed, false) => Ok(RemainingWork::Cancel),
        (Transition::AlreadyApplied, false) => match event_id {
            Some(id) if stored.holds_event(id) => Ok(RemainingWork::Acknowledge(id)),
            _ => Ok(RemainingWork::Nothing),
        },
        (Transition::TooEarly | Transition::Forbidden, _) => {
            Err(ApplyError::not_allowed(order, OrderAction::Cancel))
        }
    }
}
