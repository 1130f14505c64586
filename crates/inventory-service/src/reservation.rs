//! OrderPlaced: takes the stock of all lines, or rejects the order.

use aws_support::Fault;
use domain::{
    Change, EventKind, EventMetadata, Order, OrderId, PendingEvent, Shortage, Transition, transition,
};
use lambda_support::clock::now;

use crate::failure::Unapplied;
use crate::outcome::Outcome;
use crate::store::{Plan, Rejection, Store};
use crate::verdict::Verdict;

/// From a plan made of the event's own claims over the creation of the order
/// to the stored order's lines, and once more for somebody who came between.
const MAX_PLANS: usize = 4;

/// Reserves what the order holds, and confirms or rejects it.
///
/// An event usually tells the truth about an order that exists, so that is the
/// first plan: it costs no read. The order itself has the last word on its lines.
///
/// # Errors
/// [`Unapplied`] if the tables could not be brought to it.
pub(crate) async fn reserve(
    store: &Store,
    claimed: &Order,
    metadata: Option<&EventMetadata>,
) -> Result<Outcome, Unapplied> {
    let mut plan = Plan::Confirm(claimed.clone());
    for _ in 0..MAX_PLANS {
        let verdict = store.while_contended(async || store.reserve(&plan).await).await?;
        plan = match verdict {
            Verdict::Done => return Ok(Outcome::Became(Change::Confirm.target())),
            Verdict::Order(None) => Plan::Create(claimed.clone()),
            Verdict::Order(Some(order)) => match transition(order.status, Change::Confirm) {
                Transition::Legal => Plan::Confirm(*order),
                _ => return Ok(Outcome::Stale),
            },
            Verdict::Short(shortages) => {
                if reject(store, &plan, shortages, metadata).await? {
                    return Ok(Outcome::Became(Change::Reject.target()));
                }
                // Somebody decided the order's fate first: the next verdict tells how.
                plan
            }
        };
    }
    Err(Fault::Contended(format!("order {} keeps changing", claimed.id)).into())
}

/// Stores that an order gets no reservation; `false` if somebody else decided its fate first.
///
/// # Errors
/// [`Unapplied`] if that could not be stored.
pub(crate) async fn reject(
    store: &Store,
    plan: &Plan,
    shortages: Vec<Shortage>,
    metadata: Option<&EventMetadata>,
) -> Result<bool, Unapplied> {
    let rejection = Rejection { shortages, event: rejected_event(&plan.order().id, metadata) };
    let rejected = store.while_contended(async || store.reject(plan, &rejection).await).await?;
    if rejected {
        tracing::info!(shortages = ?rejection.shortages, "rejected");
    }
    Ok(rejected)
}

fn rejected_event(id: &OrderId, metadata: Option<&EventMetadata>) -> PendingEvent {
    PendingEvent::new(id, EventKind::Rejected, now(), EventMetadata::cause(metadata, id))
}
