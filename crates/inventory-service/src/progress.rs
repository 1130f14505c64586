//! OrderShipped and OrderDelivered: set the order's status.

use domain::{Change, EventMetadata, OrderId, Transition, transition};

use crate::failure::Unapplied;
use crate::outcome::Outcome;
use crate::store::{Advanced, Store};

/// Makes a change that touches no stock.
///
/// # Errors
/// [`Unapplied`] if the order does not exist yet, is not that far yet, or can never make the change.
pub(crate) async fn advance(
    store: &Store,
    id: &OrderId,
    change: Change,
    metadata: Option<&EventMetadata>,
) -> Result<Outcome, Unapplied> {
    let event_id = metadata.map(|metadata| &metadata.event_id);
    match store.while_contended(async || store.advance(id, change, event_id).await).await? {
        Advanced::Now => Ok(Outcome::Became(change.target())),
        Advanced::Before => Ok(Outcome::Completed),
        Advanced::Not(None) => Err(Unapplied::NoOrderYet(id.clone())),
        Advanced::Not(Some(order)) => match transition(order.status, change) {
            Transition::Stale => Ok(Outcome::Stale),
            _ => Err(Unapplied::by(&order, change)),
        },
    }
}
