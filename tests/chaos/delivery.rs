//! Delivery of events to the consumer, with retries, dead letters and redriving.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use domain::{EventKind, OrderStatus};
use inventory_service::ILLEGAL_TRANSITION;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use test_support::{Function as _, PublishedEvent, consumer_max_attempts, invocation};
use tokio::time::sleep;

use crate::client::{CARRIERS, shipment};
use crate::relay::Streams;
use crate::system::System;

/// The time before the first retry of an event, and half the time before the second. Lambda waits
/// one minute, then two.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The maximum number of times that dead letters are redriven.
const MAX_REDRIVES: usize = 10;

/// The subject of an event for InventoryServiceFunction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    /// An event of an order.
    Order { kind: EventKind, order: String },
    /// StockReceived: a product of a receipt of goods.
    Receipt { receipt: String, product: String },
}

/// An event for InventoryServiceFunction.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    envelope: Box<RawValue>,
}

impl Delivery {
    pub(crate) const fn new(message: Message, envelope: Box<RawValue>) -> Self {
        Self { message, envelope }
    }

    pub(crate) fn published(event: &PublishedEvent) -> Self {
        Self::from_event(event.envelope().get())
    }

    /// Returns the delivery of an event in JSON.
    pub(crate) fn from_event(event: &str) -> Self {
        let envelope: Box<RawValue> = serde_json::from_str(event).unwrap();
        let event: Value = serde_json::from_str(event).unwrap();
        let id = |field: &str| event["detail"][field].as_str().unwrap().to_owned();
        let message = match event["detail-type"].as_str().unwrap().parse() {
            Ok(kind) => Message::Order { kind, order: id("orderId") },
            Err(_) => Message::Receipt { receipt: id("receiptId"), product: id("productId") },
        };
        Self::new(message, envelope)
    }
}

/// A delivery for which all attempts of InventoryServiceFunction have failed.
#[derive(Debug)]
pub(crate) struct FailedDelivery {
    pub(crate) delivery: Delivery,
    pub(crate) error_type: String,
}

impl System {
    /// Publishes an event as another producer does.
    pub(crate) fn publish(self: &Rc<Self>, kind: EventKind, order: &str, items: &str) {
        let mut detail = match kind {
            EventKind::Shipped => shipment(CARRIERS[1], order),
            EventKind::Canceled => {
                json!({"customerId": "c0", "items": serde_json::from_str::<Value>(items).unwrap()})
            }
            _ => json!({}),
        };
        for (field, value) in
            [("detailType", kind.as_str()), ("orderId", order), ("orderStatus", kind.as_str())]
        {
            detail[field] = value.into();
        }
        let envelope = invocation::event(kind.as_str(), &detail.to_string()).payload;
        self.deliver(Delivery::new(Message::Order { kind, order: order.to_owned() }, envelope));
    }

    /// Delivers an event once, or twice at random.
    pub(crate) fn deliver(self: &Rc<Self>, delivery: Delivery) {
        if self.draw_fault() {
            self.counters.duplicate_deliveries.increment();
            self.spawn(Rc::clone(self).consume(delivery.clone()));
        }
        self.spawn(Rc::clone(self).consume(delivery));
    }

    /// Invokes the consumer with an event until it succeeds or all attempts have failed.
    async fn consume(self: Rc<Self>, delivery: Delivery) {
        let mut error_type = "";
        for attempt in 0..u32::try_from(consumer_max_attempts()).unwrap() {
            if attempt > 0 {
                self.counters.retried_deliveries.increment();
                sleep(RETRY_DELAY * attempt).await;
            }
            self.counters.deliveries.increment();
            let slot = self.inventory_slots.acquire().await.unwrap();
            let invocation = invocation::from_payload(delivery.envelope.clone());
            let result = self.run_or_abort(self.inventory.invoke(invocation)).await;
            drop(slot);
            match result {
                Some(Ok(_)) => return self.after_success(&delivery).await,
                Some(Err(error)) => error_type = error.error_type,
                None => error_type = "Aborted",
            }
        }
        self.counters.dead_letters.increment();
        self.dead_letters.borrow_mut().push(FailedDelivery { delivery, error_type: error_type.to_owned() });
    }

    /// Continues the scenario of an order when its OrderPlaced is applied, directly or from the queue.
    pub(crate) async fn after_success(&self, delivery: &Delivery) {
        if let Message::Order { kind: EventKind::Placed, order } = &delivery.message {
            if self.shop.order(order).await.is_none_or(|order| order.status == OrderStatus::Placed) {
                return;
            }
            let scenario = self.scenarios.borrow_mut().remove(order);
            match scenario {
                Some(scenario) => self.follow_up(order, scenario).await,
                None => drop(self.confirmed_or_rejected.borrow_mut().insert(order.clone())),
            }
        }
    }

    /// Redrives each failed event with two concurrent deliveries until only forbidden transitions
    /// remain. Returns those.
    pub(crate) async fn redrive(self: &Rc<Self>, streams: &mut Streams) -> Vec<FailedDelivery> {
        for _ in 0..MAX_REDRIVES {
            let dead_letters = self.dead_letters.take().into_iter();
            let (forbidden, retryable): (Vec<_>, Vec<_>) =
                dead_letters.partition(|letter| letter.error_type == ILLEGAL_TRANSITION);
            if retryable.is_empty() {
                return forbidden;
            }
            self.dead_letters.replace(forbidden);
            // A duplicated event can leave two dead letters. Redrive it once.
            let mut redriven = HashSet::new();
            for FailedDelivery { delivery, .. } in retryable {
                if redriven.insert(delivery.message.clone()) {
                    self.counters.redriven.increment();
                    self.spawn(Rc::clone(self).consume(delivery.clone()));
                    self.spawn(Rc::clone(self).consume(delivery));
                }
            }
            self.run_until_idle(streams).await;
        }
        panic!("dead letters remain after redriving: {:?}", self.dead_letters.borrow());
    }
}
