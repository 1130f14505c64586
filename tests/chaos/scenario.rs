//! Scenarios for an order after it is placed.

use fastrand::Rng;

/// The steps that follow the placement of an order. The API rejects a later step of a rejected order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scenario {
    /// Nothing.
    Keep,
    /// The customer cancels the order at once.
    CancelAtOnce,
    /// The customer cancels the order after it is confirmed.
    CancelLater,
    /// Another producer cancels the order at once.
    CancelByEvent,
    /// The warehouse ships the order after it is confirmed.
    Ship,
    /// The warehouse ships the order after it is confirmed, and reports its delivery.
    Deliver,
    /// A carrier reports shipment and delivery, before or after the order is confirmed.
    DeliverByEvent,
}

const WEIGHTS: [(Scenario, u32); 7] = [
    (Scenario::Keep, 40),
    (Scenario::CancelAtOnce, 10),
    (Scenario::CancelLater, 10),
    (Scenario::CancelByEvent, 5),
    (Scenario::Ship, 10),
    (Scenario::Deliver, 15),
    (Scenario::DeliverByEvent, 10),
];

impl Scenario {
    /// Chooses a scenario at random, by the weights.
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let total: u32 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut drawn = rng.u32(..total);
        for (scenario, weight) in WEIGHTS {
            match drawn.checked_sub(weight) {
                Some(rest) => drawn = rest,
                None => return scenario,
            }
        }
        unreachable!("the drawn number is less than the sum of all weights")
    }
}
