//! OrderEventQueue: batches of the events that InventoryServiceFunction did not apply directly.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use test_support::{Function as _, QueuedMessage, batch_item_failures, invocation};
use tokio::time::Instant;

use crate::delivery::{Delivery, FailedDelivery};
use crate::system::System;

/// `MaximumConcurrency` of the queue in template.yaml.
pub(crate) const BATCH_CONCURRENCY: usize = 2;

/// `BatchSize` of the queue in template.yaml.
const BATCH_SIZE: usize = 99;

/// The time that stands for a second of a pause.
const SECOND: Duration = Duration::from_millis(4);

/// The time after which a message without a pause is delivered again.
const VISIBILITY_TIMEOUT: Duration = Duration::from_millis(300);

/// The number of deliveries that stands for the age limit of a message. An event that waits for a
/// dead letter of its order exceeds it.
const DELIVERIES_PER_DAY: usize = 12;

/// A day in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// The times at which received messages become visible again, by message id. A message that is
/// being processed has none.
pub(crate) type VisibleFrom = HashMap<String, Option<Instant>>;

impl System {
    /// Invokes InventoryServiceFunction with the visible messages of the queue, in batches, and
    /// receives its dead letters. Returns false if the queue is empty.
    pub(crate) fn poll_queue(self: &Rc<Self>) -> bool {
        self.receive_dead_letters();
        while let Ok(slot) = Arc::clone(&self.batch_slots).try_acquire_owned() {
            let batch = self.receive_batch();
            if batch.is_empty() {
                break;
            }
            let system = Rc::clone(self);
            self.spawn(async move {
                system.consume_batch(batch).await;
                drop(slot);
            });
        }
        !self.shop.queues.order_events().is_empty()
    }

    fn receive_batch(&self) -> Vec<QueuedMessage> {
        let (now, mut visible_from) = (Instant::now(), self.visible_from.borrow_mut());
        let batch = self.shop.queues.receive_if(BATCH_SIZE, |message| {
            visible_from.get(&message.id).is_none_or(|time| time.is_some_and(|time| time <= now))
        });
        let has_aged = |message: &QueuedMessage| message.receive_count == DELIVERIES_PER_DAY;
        self.shop.queues.age_messages(DAY, has_aged);
        visible_from.extend(batch.iter().map(|message| (message.id.clone(), None)));
        batch
    }

    async fn consume_batch(&self, batch: Vec<QueuedMessage>) {
        self.counters.queue_batches.increment();
        let invocation = invocation::received(&batch);
        let result = self.run_or_abort(self.inventory.invoke(invocation)).await;
        let failed = match result {
            Some(response) => batch_item_failures(&response.expect("a response to a batch")),
            None => batch.iter().map(|message| message.id.clone()).collect(),
        };
        for message in batch {
            if failed.contains(&message.id) {
                self.counters.redelivered_messages.increment();
                self.show_later(&message.id);
            } else {
                self.shop.queues.delete(&message.id);
                self.after_success(&Delivery::from_event(&message.body)).await;
            }
        }
    }

    /// Makes a message visible after its pause, or after the visibility timeout.
    fn show_later(&self, id: &str) {
        let pause = self.shop.queues.order_events().into_iter().find(|message| message.id == id);
        let pause =
            pause.and_then(|message| message.pause).map(|seconds| SECOND * u32::try_from(seconds).unwrap());
        let visible_at = Instant::now() + pause.unwrap_or(VISIBILITY_TIMEOUT);
        self.visible_from.borrow_mut().insert(id.to_owned(), Some(visible_at));
    }

    /// Receives the events that the function has sent to the dead-letter queue.
    fn receive_dead_letters(&self) {
        for letter in self.shop.queues.take_dead_letters() {
            self.counters.dead_letters.increment();
            let delivery = Delivery::from_event(&letter["requestPayload"].to_string());
            let error_type = letter["responsePayload"]["errorType"].as_str().expect("a reason").to_owned();
            self.dead_letters.borrow_mut().push(FailedDelivery { delivery, error_type });
        }
    }
}
