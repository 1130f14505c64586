//! Event delivery, step by step: from the streams to the functions, and from the bus through
//! OrderEventRule or StockEventRule to InventoryServiceFunction, from OrderEventQueue back to it, or
//! through a rule for unhandled events to the dead-letter queue.

use fastrand::Rng;
use inventory_service::InventoryService;
use lambda::InvocationError;
use order_service::OrderService;
use serde_json::Value;

use crate::bus::{BUS_NAME, Bus, PublishedEvent};
use crate::event_pattern::matches_pattern;
use crate::function::{Function, concurrently};
use crate::invocation;
use crate::queues::QueuedMessage;
use crate::response::batch_item_failures;
use crate::stream_poller::StreamPoller;
use crate::template::{
    consumer_max_attempts, order_event_pattern, stock_event_pattern, unhandled_event_rules,
};
use crate::test_shop::TestShop;

/// `BatchSize` of the queue in template.yaml.
const QUEUE_BATCH_SIZE: usize = 99;

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
struct PendingEvent {
    event: PublishedEvent,
    failed_attempts: usize,
}

/// A failed attempt of InventoryServiceFunction.
struct FailedAttempt {
    pending: PendingEvent,
    error: InvocationError,
}

/// Takes all new events from the bus, and returns those that match the rule for
/// InventoryServiceFunction.
pub fn take_routed_events(bus: &Bus) -> impl Iterator<Item = PublishedEvent> {
    bus.take_new().into_iter().filter(|event| matches_rule(event, order_event_pattern()))
}

/// Returns true if a rule of the bus with this pattern matches the event.
fn matches_rule(event: &PublishedEvent, pattern: &Value) -> bool {
    let envelope = serde_json::from_str(event.envelope().get()).expect("an event in JSON");
    event.entry.event_bus_name.as_deref() == Some(BUS_NAME) && matches_pattern(pattern, &envelope)
}

/// The stream poller, the bus rules and the asynchronous invocations of one shop.
///
/// Events move only when a test calls a method.
#[derive(Debug)]
pub struct EventDriver<'a> {
    shop: &'a TestShop,
    order_service: OrderService,
    inventory_service: InventoryService,
    poller: StreamPoller,
    stock_poller: StreamPoller,
    pending: Vec<PendingEvent>,
    dead_letters: Vec<DeadLetter>,
    unhandled: Vec<Value>,
    copies: usize,
    shuffle: Option<Rng>,
}

impl<'a> EventDriver<'a> {
    /// Returns a driver that starts at the oldest record of each stream and delivers each event once, in order.
    pub async fn new(shop: &'a TestShop) -> Self {
        Self {
            shop,
            order_service: shop.order_service(),
            inventory_service: shop.inventory_service(),
            poller: StreamPoller::new(shop).await,
            stock_poller: StreamPoller::of_stock(shop).await,
            pending: Vec::new(),
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
    pub fn with_shuffle(self, seed: u64) -> Self {
        Self { shuffle: Some(Rng::with_seed(seed)), ..self }
    }

    /// Relays and consumes until no record and no event is pending.
    pub async fn run(&mut self) {
        for _ in 0..MAX_ROUNDS {
            self.relay().await;
            let queued = self.shop.queues.order_events().len();
            if self.poller.pending_records() == 0 && self.pending.is_empty() && queued == 0 {
                return;
            }
            self.consume().await;
            self.consume_queue().await;
        }
        panic!(
            "after {MAX_ROUNDS} rounds {} records and {:?} are still pending",
            self.poller.pending_records(),
            self.pending
        );
    }

    /// Invokes OrderServiceFunction with the new records of its stream, batch by batch, and receives
    /// the events that it publishes. Records from the first failed one on stay pending.
    pub async fn relay(&mut self) {
        relay_all(&mut self.poller, &self.order_service).await;
        self.receive();
    }

    /// Invokes InventoryServiceFunction with the new records of its stream, like
    /// [`EventDriver::relay`].
    pub async fn relay_stock(&mut self) {
        relay_all(&mut self.stock_poller, &self.inventory_service).await;
        self.receive();
    }

    /// Receives the published events that match a rule.
    fn receive(&mut self) {
        for event in self.shop.bus.take_new() {
            let envelope = event.envelope();
            let rules = unhandled_event_rules(envelope.get());
            let matching = rules.filter(|(pattern, _)| matches_rule(&event, pattern));
            self.unhandled.extend(matching.map(|(_, message)| message));
            let for_consumer = [order_event_pattern(), stock_event_pattern()];
            if for_consumer.iter().any(|pattern| matches_rule(&event, pattern)) {
                let pending = PendingEvent { event, failed_attempts: 0 };
                self.pending.extend(std::iter::repeat_n(pending, self.copies));
            }
        }
        if let Some(rng) = &mut self.shuffle {
            rng.shuffle(&mut self.pending);
        }
    }

    /// Invokes InventoryServiceFunction with each pending event in sequence.
    ///
    /// Failed events stay pending. After the last attempt they become dead letters.
    pub async fn consume(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let outcome = deliver(&self.inventory_service, pending).await;
            self.record_outcome(outcome);
        }
    }

    /// Consumes all pending events concurrently. Failed events stay pending or become dead letters, as
    /// in [`EventDriver::consume`].
    pub async fn consume_concurrently(&mut self) {
        let pending = std::mem::take(&mut self.pending).into_iter();
        let outcomes = concurrently(pending.map(|event| deliver(&self.inventory_service, event))).await;
        for outcome in outcomes {
            self.record_outcome(outcome);
        }
    }

    /// Invokes InventoryServiceFunction with the messages of OrderEventQueue in batches. Failed
    /// messages stay in the queue.
    pub async fn consume_queue(&mut self) {
        consume_queue(self.shop, &self.inventory_service).await;
    }

    /// Keeps a failed event pending, or makes it a dead letter after the last attempt.
    fn record_outcome(&mut self, outcome: Result<(), FailedAttempt>) {
        let Err(FailedAttempt { pending: PendingEvent { event, failed_attempts }, error }) = outcome else {
            return;
        };
        let failed_attempts = failed_attempts + 1;
        if failed_attempts < consumer_max_attempts() {
            self.pending.push(PendingEvent { event, failed_attempts });
        } else {
            self.dead_letters.push(DeadLetter { event, error });
        }
    }

    /// Returns the number of stream records that are not relayed yet.
    #[must_use]
    pub const fn pending_records(&self) -> usize {
        self.poller.pending_records()
    }

    /// Returns the number of records of the Inventory table's stream that are not relayed yet.
    #[must_use]
    pub const fn pending_stock_records(&self) -> usize {
        self.stock_poller.pending_records()
    }

    /// Returns the events that wait for InventoryServiceFunction.
    #[must_use]
    pub fn pending_events(&self) -> Vec<&PublishedEvent> {
        self.pending.iter().map(|pending| &pending.event).collect()
    }

    /// Returns the messages that the rules for unhandled events sent to the dead-letter queue.
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

/// Invokes a function with the new records of a stream until one fails or none is left.
async fn relay_all(poller: &mut StreamPoller, function: &impl Function) {
    poller.poll().await;
    while poller.pending_records() > 0 {
        if !poller.invoke(function).await {
            break;
        }
    }
}

/// Delivers the messages of OrderEventQueue until none is left.
///
/// # Panics
/// Panics if messages are left after many deliveries.
pub async fn drain_queue(shop: &TestShop, service: &InventoryService) {
    for _ in 0..MAX_ROUNDS {
        if shop.queues.order_events().is_empty() {
            return;
        }
        consume_queue(shop, service).await;
    }
    panic!("after {MAX_ROUNDS} deliveries {:?} are left", shop.queues.order_events());
}

async fn consume_queue(shop: &TestShop, service: &InventoryService) {
    for batch in shop.queues.receive(usize::MAX).chunks(QUEUE_BATCH_SIZE) {
        deliver_batch(shop, service, batch).await;
    }
}

/// Invokes InventoryServiceFunction with received messages, and deletes those that have not failed.
///
/// # Panics
/// Panics if the invocation fails.
pub async fn deliver_batch(shop: &TestShop, service: &InventoryService, batch: &[QueuedMessage]) {
    let response = service.invoke(invocation::received(batch)).await.expect("a batch response");
    let failed = batch_item_failures(&response);
    for message in batch.iter().filter(|message| !failed.contains(&message.id)) {
        shop.queues.delete(&message.id);
    }
}

async fn deliver(service: &InventoryService, pending: PendingEvent) -> Result<(), FailedAttempt> {
    let invocation = invocation::from_payload(pending.event.envelope());
    match service.invoke(invocation).await {
        Ok(_) => Ok(()),
        Err(error) => Err(FailedAttempt { pending, error }),
    }
}
