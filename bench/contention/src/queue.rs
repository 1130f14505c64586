//! Delivery of events from the bus to the function: events wait, are handed to
//! an invocation, and return after a failure.

use std::collections::{BTreeMap, BTreeSet};
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
    /// The position of the order in [`Orders`](crate::orders::Orders).
    pub order_index: usize,
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
    /// Wakes an instance when it is the first idle one.
    turns: Vec<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// Messages by the time at which they become available, and by their order.
    waiting: BTreeMap<(Instant, usize), Message>,
    /// Pollers that wait for a message.
    idle: BTreeSet<usize>,
    /// True while more events may be sent.
    open: bool,
    /// Events that are neither acknowledged nor dead-lettered.
    unresolved: usize,
    dead_letters: usize,
    failures: usize,
}

impl Queue {
    /// Creates a queue with one event for each arrival time.
    #[must_use]
    pub fn new(delivery: DeliveryMode, pollers: usize, arrivals: impl IntoIterator<Item = Instant>) -> Self {
        let mut waiting = BTreeMap::new();
        for (order_index, arrived_at) in arrivals.into_iter().enumerate() {
            let poller = fastrand::usize(0..pollers);
            let message = Message { order_index, arrived_at, failed_attempts: 0, poller };
            waiting.insert((arrived_at, order_index), message);
        }
        let state = State { unresolved: waiting.len(), waiting, ..State::default() };
        Self {
            delivery,
            pollers,
            state: Mutex::new(state),
            changed: Notify::new(),
            turns: (0..pollers).map(|_| Notify::new()).collect(),
        }
    }

    /// Creates an empty queue that accepts events until it is closed.
    #[must_use]
    pub fn open(delivery: DeliveryMode, pollers: usize) -> Self {
        let queue = Self::new(delivery, pollers, []);
        queue.lock().open = true;
        queue
    }

    /// Adds the event of an order that arrived earlier.
    pub fn send(&self, order_index: usize, arrived_at: Instant) {
        let poller = fastrand::usize(0..self.pollers);
        let message = Message { order_index, arrived_at, failed_attempts: 0, poller };
        let mut state = self.lock();
        state.unresolved += 1;
        state.waiting.insert((Instant::now(), order_index), message);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Accepts no further events.
    pub fn close(&self) {
        self.lock().open = false;
        self.changed.notify_waiters();
    }

    /// Waits for the next batch of a poller. Returns `None` when every event is
    /// acknowledged or dead-lettered, and the queue accepts no more.
    pub async fn receive(&self, poller: usize) -> Option<Vec<Message>> {
        match self.delivery {
            DeliveryMode::Direct => self.receive_event(poller).await.map(|message| vec![message]),
            DeliveryMode::Batched { .. } => self.receive_batch(poller).await,
        }
    }

    /// Waits for the next event of an instance. The first idle instance gets it: Lambda starts no
    /// instance while a warm one is idle, so that events go to as few instances as possible.
    async fn receive_event(&self, instance: usize) -> Option<Message> {
        loop {
            let changed = self.changed.notified();
            let (is_first, next) = {
                let mut state = self.lock();
                if state.unresolved == 0 {
                    return None;
                }
                state.idle.insert(instance);
                let is_first = state.idle.first() == Some(&instance);
                if is_first && let Some(message) = state.take_available(Instant::now()) {
                    state.idle.remove(&instance);
                    if let Some(&next) = state.idle.first() {
                        self.turns[next].notify_one();
                    }
                    return Some(message);
                }
                (is_first, state.waiting.first_key_value().map(|(&(available_at, _), _)| available_at))
            };
            let next = if is_first { next } else { None };
            tokio::select! {
                () = sleep_until_some(next) => {}
                () = self.turns[instance].notified() => {}
                () = changed => {}
            }
        }
    }

    async fn receive_batch(&self, poller: usize) -> Option<Vec<Message>> {
        let mut batch = Vec::new();
        let mut window_end = None;
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let next = {
                let mut state = self.lock();
                if state.unresolved == 0 && !state.open {
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

    /// Deletes a message that succeeded.
    pub fn acknowledge(&self, _message: Message) {
        let unresolved = {
            let mut state = self.lock();
            state.unresolved -= 1;
            state.unresolved
        };
        if unresolved == 0 {
            self.changed.notify_waiters();
        }
    }

    /// Schedules the next attempt of a message that failed, or moves it to the
    /// dead-letter queue after the last attempt. A pause of the consumer replaces the
    /// delay, and then no attempt is the last one.
    pub fn reject(&self, message: Message, pause: Option<Duration>) {
        let mut state = self.lock();
        let failed_attempts = message.failed_attempts + 1;
        state.failures += 1;
        match pause.or_else(|| self.delivery.retry_delay(failed_attempts)) {
            Some(delay) => {
                let key = (Instant::now() + delay, message.order_index);
                state.waiting.insert(key, Message { failed_attempts, ..message });
            }
            None => {
                state.unresolved -= 1;
                state.dead_letters += 1;
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
    /// Removes the first message that is available.
    fn take_available(&mut self, now: Instant) -> Option<Message> {
        let entry = self.waiting.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

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
        for (&(available_at, order_index), message) in &self.waiting {
            if available_at > now + STEAL_DELAY || batch.len() + moved.len() == queue.delivery.max_size() {
                next = Some(next.map_or(available_at, |next| next.min(available_at)));
                break;
            }
            match queue.available_to(poller, message, available_at) {
                at if at <= now => moved.push((available_at, order_index)),
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
