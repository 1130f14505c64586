//! OrderCanceled: gives back what the order holds.

use aws_support::Fault;
use domain::{Change, EventId, EventMetadata, Order, Transition, transition};

use crate::failure::Unapplied;
use crate::store::{CONTENTION, Store};

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
) -> Result<(), Unapplied> {
    let event_id = metadata.map(|metadata| &metadata.event_id);
    for _ in 0..MAX_READS {
        let written = match store.order(&claimed.id).await? {
            None => bury(store, claimed).await?,
            Some(order) => release(store, &order, event_id).await?,
        };
        if written {
            return Ok(());
        }
    }
    Err(Fault::Contended(format!("order {} keeps changing", claimed.id)).into())
}

/// Leaves a canceled order where there is none, so that an OrderPlaced that
/// arrives later reserves nothing.
async fn bury(store: &Store, claimed: &Order) -> Result<bool, Unapplied> {
    let canceled = Order { status: Change::Cancel.target(), ..claimed.clone() };
    Ok(CONTENTION.while_contended(async || store.insert(&canceled).await).await?)
}

/// Writes what is left to do for an order as it was read; `false` if it changed since.
async fn release(store: &Store, order: &Order, event_id: Option<&EventId>) -> Result<bool, Unapplied> {
    let write = async || match (transition(order.status, Change::Cancel), order.stock_reserved) {
        (Transition::Legal | Transition::Stale, true) => store.give_back(order).await.map(Ok),
        (Transition::Legal, false) => store.cancel(order).await.map(Ok),
        (Transition::Stale, false) => match event_id {
            Some(id) if carries(order, id) => store.acknowledge(order, id).await.map(Ok),
            _ => Ok(Ok(true)),
        },
        (Transition::TooEarly | Transition::Illegal, _) => Ok(Err(Unapplied::by(order, Change::Cancel))),
    };
    CONTENTION.while_contended(write).await?
}

fn carries(order: &Order, event_id: &EventId) -> bool {
    order.event.as_ref().is_some_and(|pending| pending.id == *event_id)
}
