//! OrderShipped and OrderDelivered: set the order's status.

use domain::{Change, EventMetadata, OrderId, Transition, transition};

use crate::failure::Unapplied;
use crate::store::{CONTENTION, Store, Written};

/// Makes a change that touches no stock.
///
/// # Errors
/// [`Unapplied`] if the order does not exist yet, is not that far yet, or can never make the change.
pub(crate) async fn advance(
    store: &Store,
    id: &OrderId,
    change: Change,
    metadata: Option<&EventMetadata>,
) -> Result<(), Unapplied> {
    let event_id = metadata.map(|metadata| &metadata.event_id);
    match CONTENTION.while_contended(async || store.advance(id, change, event_id).await).await? {
        Written::Yes => Ok(()),
        Written::No(None) => Err(Unapplied::NoOrderYet(id.clone())),
        Written::No(Some(order)) => match transition(order.status, change) {
            Transition::Stale => Ok(()),
            _ => Err(Unapplied::by(&order, change)),
        },
    }
}
