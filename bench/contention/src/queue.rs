//! Delivery of events from the bus to the function: events wait, are handed to
//! an invocation, and return after a failure.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The delay after which a poller also receives the messages of other pollers.
const STEAL_DELAY: Duration = Duration::from_millis(20);

/// The path of events to the function.
#[derive(Debug, Clone, Copy)]
pub enum DeliveryMode {
    /// One asynchronous invocation per event. Lambda retries after one minute
    /// and after two more minutes:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
    Direct,
    /// Batches from a queue. Failed messages return after the visibility timeout:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
    Batched {
        /// The largest number of messages in a batch.
        max_size: usize,
        /// The time that an incomplete batch waits for more messages.
        window: Duration,
    },
}

impl DeliveryMode {
    const fn max_size(self) -> usize {
        match self {
            Self::Direct => 1,
            Self::Batched { max_size, .. } => max_size,
        }
    }

    const fn window(self) -> Duration {
        match self {
            Self::Direct => Duration::ZERO,
            Self::Batched { window, .. } => window,
        }
    }

    /// Returns the delay before the next attempt, or `None` after the last one.
    const fn retry_delay(self, attempts: u32) -> Option<Duration> {
        match self {
            Self::Direct if attempts < 3 => Some(Duration::from_secs(60 * attempts as u64)),
            Self::Batched { .. } if attempts < 5 => Some(Duration::from_secs(180)),
            _ => None,
        }
    }
}

/// An event on its way to the function.
#[derive(Debug, Clone)]
pub struct Message {
    /// The number of the order.
    pub number: usize,
    /// The time of the first arrival.
    pub arrived_at: Instant,
    failed_attempts: u32,
    /// The poller that receives the message without delay.
    poller: usize,
}

/// Events that wait, by the time at which they become available.
#[derive(Debug)]
pub struct Queue {
    delivery: DeliveryMode,
    pollers: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<(Instant, usize), Message>,
    unsettled: usize,
    dead_letters: usize,
    failures: usize,
}

impl Queue {
    /// Creates a queue with one event for each arrival time.
    #[must_use]
    pub fn new(delivery: DeliveryMode, pollers: usize, arrivals: impl IntoIterator<Item = Instant>) -> Self {
        let message = |(number, arrived_at)| {
            let poller = fastrand::usize(0..pollers);
            ((arrived_at, number), Message { number, arrived_at, failed_attempts: 0, poller })
        };
        let waiting: BTreeMap<_, _> = arrivals.into_iter().enumerate().map(message).collect();
        let state = State { unsettled: waiting.len(), waiting, ..State::default() };
        Self { delivery, pollers, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits for the next batch of a poller. Returns `None` when every event is settled.
    pub async fn receive(&self, poller: usize) -> Option<Vec<Message>> {
        let mut batch = Vec::new();
        let mut window_end = None;
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let next = {
                let mut state = self.lock();
                if state.unsettled == 0 {
                    return None;
                }
                state.move_available(self, poller, now, &mut batch)
            };
            if batch.is_empty() {
                tokio::select! {
                    () = sleep_until_some(next) => {}
                    () = changed => {}
                }
                continue;
            }
            let window_end = *window_end.get_or_insert(now + self.delivery.window());
            if batch.len() == self.delivery.max_size() || now >= window_end {
                return Some(batch);
            }
            tokio::select! {
                () = sleep_until_some(next) => {}
                () = sleep_until(window_end) => {}
                () = changed => {}
            }
        }
    }

    /// Deletes an event that succeeded. Schedules the next attempt of an event
    /// that failed, or moves it to the dead-letter queue.
    pub fn settle(&self, message: Message, succeeded: bool) {
        let mut state = self.lock();
        let failed_attempts = message.failed_attempts + 1;
        state.failures += usize::from(!succeeded);
        match self.delivery.retry_delay(failed_attempts).filter(|_| !succeeded) {
            Some(delay) => {
                let available_at = Instant::now() + delay;
                state.waiting.insert((available_at, message.number), Message { failed_attempts, ..message });
            }
            None => {
                state.unsettled -= 1;
                state.dead_letters += usize::from(!succeeded);
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Returns the number of events in the dead-letter queue.
    #[must_use]
    pub fn dead_letters(&self) -> usize {
        self.lock().dead_letters
    }

    /// Returns the number of failed attempts.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.lock().failures
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the queue")
    }

    /// Returns the time at which a poller can receive a message.
    fn available_to(&self, poller: usize, message: &Message, available_at: Instant) -> Instant {
        if message.poller % self.pollers == poller { available_at } else { available_at + STEAL_DELAY }
    }
}

impl State {
    /// Moves the messages that a poller can receive now into its batch. Returns
    /// the time at which more may be available.
    fn move_available(
        &mut self,
        queue: &Queue,
        poller: usize,
        now: Instant,
        batch: &mut Vec<Message>,
    ) -> Option<Instant> {
        let mut moved = Vec::new();
        let mut next: Option<Instant> = None;
        for (&(available_at, number), message) in &self.waiting {
            if available_at > now + STEAL_DELAY || batch.len() + moved.len() == queue.delivery.max_size() {
                next = Some(next.map_or(available_at, |next| next.min(available_at)));
                break;
            }
            match queue.available_to(poller, message, available_at) {
                at if at <= now => moved.push((available_at, number)),
                at => next = Some(next.map_or(at, |next| next.min(at))),
            }
        }
        batch.extend(moved.iter().filter_map(|key| self.waiting.remove(key)));
        next
    }
}

async fn sleep_until_some(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
