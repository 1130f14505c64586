//! Delivery of events: from the stream to the relay, and from the bus to the consumer.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use domain::EventKind;
use inventory_service::ILLEGAL_TRANSITION;
use serde_json::value::RawValue;
use test_support::{
    Function as _, PublishedEvent, StreamPoller, consumer_max_attempts, invocation, stream_max_attempts,
    take_routed_events,
};
use tokio::time::sleep;

use crate::system::System;

/// The time before the first retry of an event, and half the time before the second. Lambda waits
/// one minute, then two.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The time between two polls of the stream. Lambda waits 250 ms.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The maximum number of times that dead letters are redriven.
const MAX_REDRIVES: usize = 10;

/// An event for InventoryServiceFunction.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) kind: EventKind,
    pub(crate) order: String,
    envelope: Box<RawValue>,
}

impl Delivery {
    pub(crate) fn published(event: &PublishedEvent) -> Self {
        Self {
            kind: event.detail_type().parse().unwrap(),
            order: event.detail()["orderId"].as_str().unwrap().to_owned(),
            envelope: event.envelope(),
        }
    }
}

/// A delivery for which all attempts of InventoryServiceFunction have failed.
#[derive(Debug)]
pub(crate) struct FailedDelivery {
    pub(crate) delivery: Delivery,
    error_type: &'static str,
}

impl System {
    /// Publishes an event as another producer does.
    pub(crate) fn publish(self: &Rc<Self>, kind: EventKind, order: &str, items: &str) {
        let content = match kind {
            EventKind::Canceled => format!(r#","customerId":"c0","items":{items}"#),
            _ => String::new(),
        };
        let detail =
            format!(r#"{{"detailType":"{kind}","orderId":"{order}","orderStatus":"{kind}"{content}}}"#);
        let envelope = invocation::event(kind.as_str(), &detail).payload;
        self.deliver(Delivery { kind, order: order.to_owned(), envelope });
    }

    /// Delivers an event once, or twice at random.
    fn deliver(self: &Rc<Self>, delivery: Delivery) {
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
        self.dead_letters.borrow_mut().push(FailedDelivery { delivery, error_type });
    }

    /// Continues the scenario of an order when its OrderPlaced is consumed.
    async fn after_success(&self, delivery: &Delivery) {
        if delivery.kind == EventKind::Placed {
            let scenario = self.scenarios.borrow_mut().remove(&delivery.order);
            match scenario {
                Some(scenario) => self.follow_up(&delivery.order, scenario).await,
                None => drop(self.confirmed_or_rejected.borrow_mut().insert(delivery.order.clone())),
            }
        }
    }

    /// Polls the stream, relays its records and delivers the published events, until no task runs
    /// and no record is pending.
    pub(crate) async fn run_until_idle(self: &Rc<Self>, poller: &mut StreamPoller) {
        let mut failed_attempts = 0;
        loop {
            let idle = self.tasks.borrow().is_empty();
            poller.poll().await;
            if idle && poller.pending_records() == 0 {
                return;
            }
            while poller.pending_records() > 0 {
                self.counters.batches.increment();
                if self.run_or_abort(poller.invoke(&self.orders)).await == Some(true) {
                    failed_attempts = 0;
                } else {
                    failed_attempts += 1;
                    assert!(failed_attempts < stream_max_attempts(), "Lambda would discard the batch");
                    self.counters.retried_batches.increment();
                }
                for event in take_routed_events(&self.shop.bus) {
                    self.deliver(Delivery::published(&event));
                }
            }
            sleep(POLL_INTERVAL).await;
            while let Some(ended) = self.tasks.borrow_mut().try_join_next() {
                ended.unwrap();
            }
        }
    }

    /// Redrives each failed event with two concurrent deliveries until only forbidden transitions
    /// remain. Returns those.
    pub(crate) async fn redrive(self: &Rc<Self>, poller: &mut StreamPoller) -> Vec<FailedDelivery> {
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
                if redriven.insert((delivery.order.clone(), delivery.kind)) {
                    self.counters.redriven.increment();
                    self.spawn(Rc::clone(self).consume(delivery.clone()));
                    self.spawn(Rc::clone(self).consume(delivery));
                }
            }
            self.run_until_idle(poller).await;
        }
        panic!("dead letters remain after redriving: {:?}", self.dead_letters.borrow());
    }
}
