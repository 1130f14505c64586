//! Republication of the events in the outboxes of orders, for an operator.
//!
//! A record that the relay could not publish is known only by its position in the
//! stream, which keeps it for 24 hours. The order keeps its event until it is applied.

use std::collections::HashMap;

use dynamodb::Item;
use dynamodb::attribute::ORDER_ID;
use lambda::{Deadline, RepublishOutcome, RepublishReport, RepublishRequest, RepublishResult};

use crate::decode::decode_item;
use crate::relay::Relay;
use crate::unpublishable::UnpublishableError;

impl Relay {
    /// Publishes the event in the outbox of each requested order. `items` are the
    /// stored orders. A republished event keeps its id.
    pub async fn republish(
        &self,
        request: &RepublishRequest,
        items: &[Item],
        deadline: Deadline,
    ) -> RepublishReport {
        let outcomes = self.republish_items(items, deadline).await;
        let mut outcomes: HashMap<_, _> = items.iter().map(order_id).zip(outcomes).collect();
        let orders = request.order_ids.iter().map(|id| RepublishResult {
            order_id: id.clone(),
            outcome: outcomes.remove(&Some(id.as_str())).unwrap_or(RepublishOutcome::UnknownOrder),
        });
        RepublishReport { orders: orders.collect() }
    }

    /// Returns the outcome for each item.
    async fn republish_items(&self, items: &[Item], deadline: Deadline) -> Vec<RepublishOutcome> {
        let mut events = Vec::with_capacity(items.len());
        let mut outcomes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            outcomes.push(match decode_item(&self.publisher.event_bus, index, item) {
                Ok(Some((event_type, event))) => {
                    events.push(event);
                    RepublishOutcome::Published { event_type }
                }
                Ok(None) => RepublishOutcome::NothingToPublish,
                Err(error) => error.into(),
            });
        }
        for rejected in self.publisher.publish(events, deadline).await {
            outcomes[rejected.event.index] = match rejected.permanent_code() {
                Some(code) => UnpublishableError::Rejected(code.to_owned()).into(),
                None => RepublishOutcome::NotAccepted,
            };
        }
        outcomes
    }
}

fn order_id(item: &Item) -> Option<&str> {
    item.get(ORDER_ID)?.as_s().ok().map(String::as_str)
}
