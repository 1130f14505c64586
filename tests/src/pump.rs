//! Moves what the functions write from one to the next, as AWS does: from the
//! stream to OrderServiceFunction, and from the bus, by OrderEventRule, to
//! InventoryServiceFunction, or by UnhandledEventRule to the dead-letter queue.

use fastrand::Rng;
use inventory_service::InventoryService;
use lambda_support::Failure;
use order_service::OrderService;
use serde_json::Value;

use crate::bus::{BUS_NAME, Bus, Published};
use crate::call::{self, Function as _};
use crate::pattern::matches;
use crate::shop::Shop;
use crate::stream::{StreamReader, sequence_number};
use crate::template::{
    consumer_tries, order_event_pattern, stream_batch_size, stream_filters, unhandled_event_message,
    unhandled_event_pattern,
};

/// Rounds after which events that are still under way are taken to go in circles.
const ROUNDS: usize = 50;

/// An event that InventoryServiceFunction failed on for the last time.
#[derive(Debug)]
pub struct DeadLetter {
    /// The event.
    pub event: Published,
    /// Why.
    pub failure: Failure,
}

/// An event on its way to InventoryServiceFunction.
#[derive(Debug, Clone)]
struct Delivery {
    event: Published,
    failed: usize,
}

/// Lambda's poller of the Orders table's stream.
#[derive(Debug)]
pub struct Poller {
    stream: StreamReader,
    records: Vec<Value>,
}

impl Poller {
    /// A poller that begins with the stream's oldest record.
    pub async fn new(shop: &Shop) -> Self {
        Self { stream: shop.order_stream().await, records: Vec::new() }
    }

    /// Takes in what is new in the stream, but for what its filters hold back.
    pub async fn read(&mut self) {
        let filters = stream_filters();
        let new = self.stream.read().await;
        self.records.extend(new.into_iter().filter(|record| filters.iter().any(|one| matches(one, record))));
    }

    /// Hands over one batch; tells whether all of it is done. Records from the
    /// first failed one on are handed over again by the next call, as are all
    /// of them if this one is cut off.
    pub async fn hand_over(&mut self, orders: &OrderService) -> bool {
        let size = stream_batch_size().min(self.records.len());
        let answer = orders.invoke(call::stream(&self.records[..size])).await.unwrap();
        let failed = call::failed_records(&answer);
        let first = self.records[..size]
            .iter()
            .position(|record| failed.iter().any(|failed| failed == sequence_number(record)));
        assert_eq!(first.is_some(), !failed.is_empty(), "{failed:?} are no records of the batch");
        self.records.drain(..first.unwrap_or(size));
        first.is_none()
    }

    /// How many records are not done yet.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.records.len()
    }
}

/// The events that came over the bus since the last time and match the rule
/// for InventoryServiceFunction.
pub fn routed(bus: &Bus) -> impl Iterator<Item = Published> {
    bus.take().into_iter().filter(|event| is_routed(event, order_event_pattern()))
}

/// Whether a rule of our bus, with this pattern, lets an event through.
fn is_routed(event: &Published, pattern: &Value) -> bool {
    let envelope = serde_json::from_str(event.envelope().get()).expect("an event in JSON");
    event.entry.event_bus_name.as_deref() == Some(BUS_NAME) && matches(pattern, &envelope)
}

/// Poller, bus rule and asynchronous invocation of one shop. Nothing moves by
/// itself: each step is taken when a test asks for it.
#[derive(Debug)]
pub struct Pump<'a> {
    shop: &'a Shop,
    orders: OrderService,
    inventory: InventoryService,
    poller: Poller,
    deliveries: Vec<Delivery>,
    dead_letters: Vec<DeadLetter>,
    unhandled: Vec<Value>,
    copies: usize,
    order: Option<Rng>,
}

impl<'a> Pump<'a> {
    /// A pump that delivers each event once, in order, from the stream's beginning.
    pub async fn new(shop: &'a Shop) -> Self {
        Self {
            shop,
            orders: shop.order_service(),
            inventory: shop.inventory_service(),
            poller: Poller::new(shop).await,
            deliveries: Vec::new(),
            dead_letters: Vec::new(),
            unhandled: Vec::new(),
            copies: 1,
            order: None,
        }
    }

    /// Delivers this many copies of each event.
    #[must_use]
    pub fn with_copies(self, copies: usize) -> Self {
        Self { copies, ..self }
    }

    /// Delivers events in an order that follows from `seed`.
    #[must_use]
    pub fn shuffled(self, seed: u64) -> Self {
        Self { order: Some(Rng::with_seed(seed)), ..self }
    }

    /// Takes every step until nothing is left to move.
    pub async fn run(&mut self) {
        for _ in 0..ROUNDS {
            self.relay().await;
            if self.poller.left() == 0 && self.deliveries.is_empty() {
                return;
            }
            self.consume().await;
        }
        panic!(
            "after {ROUNDS} rounds there are still {} records and {:?}",
            self.poller.left(),
            self.deliveries
        );
    }

    /// Hands the new records of the stream to OrderServiceFunction, one batch
    /// after the other, and takes in what comes over the bus. Records from the
    /// first failed one on are handed over again by the next call.
    pub async fn relay(&mut self) {
        self.poller.read().await;
        while self.poller.left() > 0 && self.poller.hand_over(&self.orders).await {}
        self.receive();
    }

    /// Takes the events off the bus that match a rule.
    fn receive(&mut self) {
        for event in self.shop.bus.take() {
            if is_routed(&event, unhandled_event_pattern()) {
                self.unhandled.push(unhandled_event_message(event.envelope().get()));
            }
            if is_routed(&event, order_event_pattern()) {
                let delivery = Delivery { event, failed: 0 };
                self.deliveries.extend(std::iter::repeat_n(delivery, self.copies));
            }
        }
        if let Some(order) = &mut self.order {
            order.shuffle(&mut self.deliveries);
        }
    }

    /// Hands each event to InventoryServiceFunction, one after the other. Those
    /// that fail are handed over again by the next call, until they become dead letters.
    pub async fn consume(&mut self) {
        for delivery in std::mem::take(&mut self.deliveries) {
            let outcome = consume(&self.inventory, delivery).await;
            self.settle(outcome);
        }
    }

    /// Like [`Pump::consume`], with all events at the same time.
    pub async fn consume_at_once(&mut self) {
        let deliveries = std::mem::take(&mut self.deliveries);
        let outcomes = call::at_once(deliveries.into_iter().map(|one| consume(&self.inventory, one))).await;
        outcomes.into_iter().for_each(|outcome| self.settle(outcome));
    }

    fn settle(&mut self, outcome: Result<(), (Delivery, Failure)>) {
        let Err((Delivery { event, failed }, failure)) = outcome else {
            return;
        };
        if failed + 1 < consumer_tries() {
            self.deliveries.push(Delivery { event, failed: failed + 1 });
        } else {
            self.dead_letters.push(DeadLetter { event, failure });
        }
    }

    /// How many records of the stream are not relayed yet.
    #[must_use]
    pub const fn records_left(&self) -> usize {
        self.poller.left()
    }

    /// The events that wait for InventoryServiceFunction.
    #[must_use]
    pub fn waiting(&self) -> Vec<&Published> {
        self.deliveries.iter().map(|delivery| &delivery.event).collect()
    }

    /// The messages that the dead-letter queue got of events that nobody handles.
    #[must_use]
    pub fn unhandled(&self) -> &[Value] {
        &self.unhandled
    }

    /// The events that InventoryServiceFunction failed on for the last time.
    #[must_use]
    pub fn dead_letters(&self) -> &[DeadLetter] {
        &self.dead_letters
    }
}

async fn consume(inventory: &InventoryService, delivery: Delivery) -> Result<(), (Delivery, Failure)> {
    let invocation = call::invocation(delivery.event.envelope());
    match inventory.invoke(invocation).await {
        Ok(_) => Ok(()),
        Err(failure) => Err((delivery, failure)),
    }
}
