//! Events that have no effect anymore, because a later change of the order came first.

use domain::EventId;
use dynamodb::StoredOrder;

use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::Store;

/// Removes `event`, which has no effect, from the outbox of an order that still holds it.
///
/// # Errors
/// [`ApplyError`] if the write fails.
pub(crate) async fn acknowledge_stale(
    store: &Store,
    stored: &StoredOrder,
    event: Option<&EventId>,
) -> Result<Outcome, ApplyError> {
    if let Some(event) = event
        && let Some(attribute) = stored.attribute_of(event)
    {
        let id = &stored.order.id;
        // An attribute that does not hold the event anymore needs no write.
        store.retry_on_conflict(async || store.acknowledge(id, attribute, event).await).await?;
    }
    Ok(Outcome::Stale)
}
