//! Publishing again what orders carry in their outbox, for an operator.
//!
//! What the relay could not publish is known only by its place in the stream,
//! which keeps it for a day. The order keeps the event until it is applied.

use std::collections::HashMap;

use aws_support::{Deadline, Fault};
use domain::{OrderId, RepublishOutcome, RepublishReport, RepublishRequest, Republished};
use tables::Item;
use tables::attribute::ORDER_ID;

use crate::relay::Relay;
use crate::store::Store;

/// Publishes the event of each order as its item has it now. The event has the
/// id that it has always had, so that to ask twice is to deliver it twice.
///
/// # Errors
/// A [`Fault`] if the orders cannot be read; nothing is published then.
pub(crate) async fn republish(
    store: &Store,
    relay: &Relay,
    request: &RepublishRequest,
    deadline: Deadline,
) -> Result<RepublishReport, Fault> {
    let ids: Vec<&OrderId> = request.order_ids.iter().collect();
    let items = store.order_items(&ids).await?;
    let outcomes = relay.republish(&items, deadline).await;
    let mut outcomes: HashMap<_, _> = items.iter().map(id_of).zip(outcomes).collect();
    let mut orders = Vec::with_capacity(ids.len());
    for id in ids {
        let outcome = outcomes.remove(&Some(id.as_str())).unwrap_or(RepublishOutcome::UnknownOrder);
        orders.push(Republished { order_id: id.clone(), outcome });
    }
    Ok(RepublishReport { orders })
}

fn id_of(item: &Item) -> Option<&str> {
    item.get(ORDER_ID)?.as_s().ok().map(String::as_str)
}
