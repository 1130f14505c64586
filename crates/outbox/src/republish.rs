//! Publication of events from stored items, for an operator.

use std::collections::HashMap;

use dynamodb::Item;
use lambda::{Deadline, RepublishOutcome};

use crate::outbound_event::OutboundEvent;
use crate::relay::Relay;
use crate::unpublishable::UnpublishableError;

/// The events of a stored item, and the outcome if the bus accepts all of them.
#[derive(Debug)]
pub(crate) struct Republication {
    pub(crate) outcome: RepublishOutcome,
    pub(crate) events: Vec<OutboundEvent>,
}

impl Republication {
    /// Creates the republication of an item whose events cannot be built.
    pub(crate) const fn failed(outcome: RepublishOutcome) -> Self {
        Self { outcome, events: Vec::new() }
    }
}

impl Relay {
    /// Publishes the events of items and returns the outcome for each. The index of an
    /// event is that of its item.
    pub(crate) async fn republish(
        &self,
        publications: impl Iterator<Item = Republication>,
        deadline: Deadline,
    ) -> Vec<RepublishOutcome> {
        let mut events = Vec::new();
        let mut outcomes = Vec::new();
        for publication in publications {
            events.extend(publication.events);
            outcomes.push(publication.outcome);
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

/// Returns the outcome for each item by its key attribute `name`.
pub(crate) fn outcomes_by_id<'a>(
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
