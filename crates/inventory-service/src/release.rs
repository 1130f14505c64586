//! OrderCanceled: gives back what the order holds.

use aws_support::Fault;
use domain::{Change, EventId, EventMetadata, Order, Transition, transition};

use crate::failure::Unapplied;
use crate::outcome::Outcome;
use crate::store::Store;

/// How often the order may change between reading and writing it.
const MAX_READS: usize = 5;

/// Cancels the order and gives back the stock that is reserved for it, if any.
///
/// # Errors
/// [`Unapplied`] if the order can no longer be canceled, or the tables could
/// not be brought to it.
pub(crate) async fn cancel(
    store: &Store,
    claimed: &Order,
    metadata: Option<&EventMetadata>,
) -> Result<Outcome, Unapplied> {
    let event_id = metadata.map(|metadata| &metadata.event_id);
    for _ in 0..MAX_READS {
        let outcome = match store.order(&claimed.id).await? {
            None => insert_tombstone(store, claimed).await?,
            Some(order) => release(store, &order, event_id).await?,
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
    Err(Fault::Contended(format!("order {} keeps changing", claimed.id)).into())
}

/// Leaves a canceled order where there is none, so that an OrderPlaced that
/// arrives later reserves nothing; `None` if there is one by now.
async fn insert_tombstone(store: &Store, claimed: &Order) -> Result<Option<Outcome>, Unapplied> {
    let canceled = Order { status: Change::Cancel.target(), ..claimed.clone() };
    let written = store.while_contended(async || store.insert(&canceled).await).await?;
    Ok(written.then_some(Outcome::Became(canceled.status)))
}

/// Writes what is left to do for an order as it was read; `None` if it changed since.
async fn release(
    store: &Store,
    order: &Order,
    event_id: Option<&EventId>,
) -> Result<Option<Outcome>, Unapplied> {
    let write = async || match (transition(order.status, Change::Cancel), order.stock_reserved) {
        (Transition::Legal | Transition::Stale, true) => store.give_back(order).await.map(Ok),
        (Transition::Legal, false) => store.cancel(order).await.map(Ok),
        (Transition::Stale, false) => match event_id {
            Some(id) if carries(order, id) => store.acknowledge(order, id).await.map(Ok),
            _ => Ok(Ok(true)),
        },
        (Transition::TooEarly | Transition::Illegal, _) => Ok(Err(Unapplied::by(order, Change::Cancel))),
    };
    let written = store.while_contended(write).await??;
    Ok(written.then(|| outcome(order, event_id)))
}

/// What it means that all that was left to do for an order is done.
fn outcome(order: &Order, event_id: Option<&EventId>) -> Outcome {
    match transition(order.status, Change::Cancel) {
        Transition::Legal => Outcome::Became(Change::Cancel.target()),
        _ if order.stock_reserved || event_id.is_some_and(|id| carries(order, id)) => Outcome::Completed,
        _ => Outcome::Stale,
    }
}

fn carries(order: &Order, event_id: &EventId) -> bool {
    order.event.as_ref().is_some_and(|pending| pending.id == *event_id)
}
