//! Publication of events from stored items, for an operator.

use std::collections::HashMap;

use dynamodb::Item;
use lambda::{Deadline, RepublishOutcome};

use crate::outbound_event::OutboundEvent;
use crate::publisher::{Publication, PublishedEvent};
use crate::relay::Relay;
use crate::unpublishable::UnpublishableError;

/// The events of a stored item, and the outcome if the bus accepts all of them.
#[derive(Debug)]
pub(crate) struct Republication {
    pub(crate) outcome: RepublishOutcome,
    pub(crate) events: Vec<OutboundEvent>,
}

impl Relay {
    /// Publishes the events that `publication` builds for each item, and returns the outcome
    /// of each by its key attribute `key`. `publication` gets the index of an item for its
    /// events.
    pub(crate) async fn republish<'a>(
        &self,
        items: &'a [Item],
        key: &str,
        publication: impl Fn(usize, &Item) -> Result<Republication, UnpublishableError>,
        deadline: Deadline,
    ) -> HashMap<&'a str, RepublishOutcome> {
        let mut events = Vec::new();
        let mut outcomes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match publication(index, item) {
                Ok(publication) => {
                    events.extend(publication.events);
                    outcomes.push(publication.outcome);
                }
                Err(error) => outcomes.push(error.into()),
            }
        }
        let Publication { published, rejected } = self.publisher.publish(events, deadline).await;
        published.iter().for_each(PublishedEvent::log);
        for rejected in rejected {
            outcomes[rejected.event.index] = match rejected.permanent_code() {
                Some(code) => UnpublishableError::Rejected(code.to_owned()).into(),
                None => RepublishOutcome::NotAccepted,
            };
        }
        by_id(items, key, outcomes)
    }
}

/// Returns the outcome for each item by its key attribute `name`.
fn by_id<'a>(
    items: &'a [Item],
    name: &str,
    outcomes: Vec<RepublishOutcome>,
) -> HashMap<&'a str, RepublishOutcome> {
    let mut by_id = HashMap::with_capacity(items.len());
    for (item, outcome) in items.iter().zip(outcomes) {
        if let Some(id) = item.get(name).and_then(|id| id.as_s().ok()) {
            by_id.insert(id.as_str(), outcome);
        }
    }
    by_id
}
