//! Event delivery, step by step: from the stream to OrderServiceFunction, and from the bus through
//! OrderEventRule to InventoryServiceFunction, or through UnhandledEventRule to the dead-letter queue.

use fastrand::Rng;
use inventory_service::InventoryService;
use lambda::InvocationError;
use order_service::OrderService;
use serde_json::Value;

use crate::bus::{BUS_NAME, Bus, PublishedEvent};
use crate::event_pattern::matches_pattern;
use crate::function::{Function as _, concurrently};
use crate::invocation;
use crate::stream_poller::StreamPoller;
use crate::template::{
    consumer_max_attempts, order_event_pattern, unhandled_event_message, unhandled_event_pattern,
};
use crate::test_shop::TestShop;

/// Rounds after which [`EventDriver::run`] assumes an endless loop.
const MAX_ROUNDS: usize = 50;

/// An event for which all attempts of InventoryServiceFunction have failed.
#[derive(Debug)]
pub struct DeadLetter {
    /// The event.
    pub event: PublishedEvent,
    /// The error of the last attempt.
    pub error: InvocationError,
}

/// An event that waits for InventoryServiceFunction.
#[derive(Debug, Clone)]
struct Delivery {
    event: PublishedEvent,
    failed_attempts: usize,
}

/// A delivery that failed, with the error.
struct FailedDelivery {
    delivery: Delivery,
    error: InvocationError,
}

/// Returns the events that were published since the last call and match the rule for
/// InventoryServiceFunction.
pub fn routed_events(bus: &Bus) -> impl Iterator<Item = PublishedEvent> {
    bus.take_new().into_iter().filter(|event| is_routed(event, order_event_pattern()))
}

/// Returns whether a rule of the bus with this pattern matches the event.
fn is_routed(event: &PublishedEvent, pattern: &Value) -> bool {
    let envelope = serde_json::from_str(event.envelope().get()).expect("an event in JSON");
    event.entry.event_bus_name.as_deref() == Some(BUS_NAME) && matches_pattern(pattern, &envelope)
}

/// The stream poller, the bus rules and the asynchronous invocations of one shop.
///
/// Events move only when a test calls a method.
#[derive(Debug)]
pub struct EventDriver<'a> {
    shop: &'a TestShop,
    orders: OrderService,
    inventory: InventoryService,
    poller: StreamPoller,
    deliveries: Vec<Delivery>,
    dead_letters: Vec<DeadLetter>,
    unhandled: Vec<Value>,
    copies: usize,
    shuffle: Option<Rng>,
}

impl<'a> EventDriver<'a> {
    /// Returns a driver that starts at the stream's oldest record and delivers each event once, in order.
    pub async fn new(shop: &'a TestShop) -> Self {
        Self {
            shop,
            orders: shop.order_service(),
            inventory: shop.inventory_service(),
            poller: StreamPoller::new(shop).await,
            deliveries: Vec::new(),
            dead_letters: Vec::new(),
            unhandled: Vec::new(),
            copies: 1,
            shuffle: None,
        }
    }

    /// Delivers this many copies of each event.
    #[must_use]
    pub fn with_copies(self, copies: usize) -> Self {
        Self { copies, ..self }
    }

    /// Delivers events in a random order that `seed` determines.
    #[must_use]
    pub fn shuffled(self, seed: u64) -> Self {
        Self { shuffle: Some(Rng::with_seed(seed)), ..self }
    }

    /// Relays and consumes until no record and no event is pending.
    pub async fn run(&mut self) {
        for _ in 0..MAX_ROUNDS {
            self.relay().await;
            if self.poller.pending_records() == 0 && self.deliveries.is_empty() {
                return;
            }
            self.consume().await;
        }
        panic!(
            "after {MAX_ROUNDS} rounds {} records and {:?} are still pending",
            self.poller.pending_records(),
            self.deliveries
        );
    }

    /// Invokes OrderServiceFunction with the new records of the stream, batch by batch, and receives
    /// the events that it publishes. Records from the first failed one on stay pending.
    pub async fn relay(&mut self) {
        self.poller.poll().await;
        while self.poller.pending_records() > 0 && self.poller.invoke(&self.orders).await {}
        self.receive();
    }

    /// Receives the published events that match a rule.
    fn receive(&mut self) {
        for event in self.shop.bus.take_new() {
            if is_routed(&event, unhandled_event_pattern()) {
                self.unhandled.push(unhandled_event_message(event.envelope().get()));
            }
            if is_routed(&event, order_event_pattern()) {
                let delivery = Delivery { event, failed_attempts: 0 };
                self.deliveries.extend(std::iter::repeat_n(delivery, self.copies));
            }
        }
        if let Some(rng) = &mut self.shuffle {
            rng.shuffle(&mut self.deliveries);
        }
    }

    /// Invokes InventoryServiceFunction with each pending event in sequence.
    ///
    /// Failed events stay pending. After the last attempt they become dead letters.
    pub async fn consume(&mut self) {
        for delivery in std::mem::take(&mut self.deliveries) {
            let outcome = deliver(&self.inventory, delivery).await;
            self.record(outcome);
        }
    }

    /// Does the same as [`EventDriver::consume`], with all events concurrently.
    pub async fn consume_concurrently(&mut self) {
        let deliveries = std::mem::take(&mut self.deliveries).into_iter();
        let outcomes = concurrently(deliveries.map(|delivery| deliver(&self.inventory, delivery))).await;
        outcomes.into_iter().for_each(|outcome| self.record(outcome));
    }

    fn record(&mut self, outcome: Result<(), FailedDelivery>) {
        let Err(FailedDelivery { delivery: Delivery { event, failed_attempts }, error }) = outcome else {
            return;
        };
        if failed_attempts + 1 < consumer_max_attempts() {
            self.deliveries.push(Delivery { event, failed_attempts: failed_attempts + 1 });
        } else {
            self.dead_letters.push(DeadLetter { event, error });
        }
    }

    /// Returns the number of stream records that are not relayed yet.
    #[must_use]
    pub const fn pending_records(&self) -> usize {
        self.poller.pending_records()
    }

    /// Returns the events that wait for InventoryServiceFunction.
    #[must_use]
    pub fn pending_events(&self) -> Vec<&PublishedEvent> {
        self.deliveries.iter().map(|delivery| &delivery.event).collect()
    }

    /// Returns the messages that UnhandledEventRule sent to the dead-letter queue.
    #[must_use]
    pub fn unhandled_messages(&self) -> &[Value] {
        &self.unhandled
    }

    /// Returns the events for which all attempts of InventoryServiceFunction have failed.
    #[must_use]
    pub fn dead_letters(&self) -> &[DeadLetter] {
        &self.dead_letters
    }
}

async fn deliver(inventory: &InventoryService, delivery: Delivery) -> Result<(), FailedDelivery> {
    let invocation = invocation::from_payload(delivery.event.envelope());
    match inventory.invoke(invocation).await {
        Ok(_) => Ok(()),
        Err(error) => Err(FailedDelivery { delivery, error }),
    }
}
