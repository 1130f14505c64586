//! What lies between the bus and the function: events that wait, are handed
//! over, and come again when the function fails on them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// After this time a poller takes what lies with another.
const NEGLECTED: Duration = Duration::from_millis(20);

/// How events reach the function.
#[derive(Debug, Clone, Copy)]
pub enum Delivery {
    /// Each by an asynchronous invocation of its own. Lambda tries again after
    /// one minute and after two more:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
    Direct,
    /// In batches from a queue, which hands out again what was not done:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
    Batched {
        /// How many messages at most.
        size: usize,
        /// How long a batch that is not full waits for more.
        window: Duration,
    },
}

impl Delivery {
    const fn size(self) -> usize {
        match self {
            Self::Direct => 1,
            Self::Batched { size, .. } => size,
        }
    }

    const fn window(self) -> Duration {
        match self {
            Self::Direct => Duration::ZERO,
            Self::Batched { window, .. } => window,
        }
    }

    /// How long after a failure an event comes again; `None` if it was the last time.
    const fn again(self, failed: u32) -> Option<Duration> {
        match self {
            Self::Direct if failed < 3 => Some(Duration::from_secs(60 * failed as u64)),
            Self::Batched { .. } if failed < 5 => Some(Duration::from_secs(180)),
            _ => None,
        }
    }
}

/// An event that waits.
#[derive(Debug, Clone)]
pub struct Message {
    /// Which event.
    pub number: usize,
    /// When it came first.
    pub came: Instant,
    failed: u32,
    /// Which poller it lies with.
    lot: usize,
}

/// Events that wait, by the time at which they can be handed over.
#[derive(Debug)]
pub struct Queue {
    delivery: Delivery,
    pollers: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<(Instant, usize), Message>,
    unsettled: usize,
    dead: usize,
    failures: usize,
}

impl Queue {
    /// Events that come at these times, for so many pollers.
    #[must_use]
    pub fn new(delivery: Delivery, pollers: usize, times: impl IntoIterator<Item = Instant>) -> Self {
        let message = |(number, came)| {
            let lot = fastrand::usize(0..pollers);
            ((came, number), Message { number, came, failed: 0, lot })
        };
        let waiting: BTreeMap<_, _> = times.into_iter().enumerate().map(message).collect();
        let state = State { unsettled: waiting.len(), waiting, ..State::default() };
        Self { delivery, pollers, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The next batch for a poller; `None` when every event is settled.
    pub async fn receive(&self, poller: usize) -> Option<Vec<Message>> {
        let mut batch = Vec::new();
        let mut until = None;
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let next = {
                let mut state = self.lock();
                if state.unsettled == 0 {
                    return None;
                }
                state.take(self, poller, now, &mut batch)
            };
            if batch.is_empty() {
                tokio::select! {
                    () = wait(next) => {}
                    () = changed => {}
                }
                continue;
            }
            let until = *until.get_or_insert(now + self.delivery.window());
            if batch.len() == self.delivery.size() || now >= until {
                return Some(batch);
            }
            tokio::select! {
                () = wait(next) => {}
                () = sleep_until(until) => {}
                () = changed => {}
            }
        }
    }

    /// Takes an event off the queue, or has it come again.
    pub fn settle(&self, message: Message, done: bool) {
        let mut state = self.lock();
        let failed = message.failed + 1;
        state.failures += usize::from(!done);
        match self.delivery.again(failed).filter(|_| !done) {
            Some(delay) => {
                let due = Instant::now() + delay;
                state.waiting.insert((due, message.number), Message { failed, ..message });
            }
            None => {
                state.unsettled -= 1;
                state.dead += usize::from(!done);
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// How many events failed for the last time, and went to the dead-letter queue.
    #[must_use]
    pub fn dead(&self) -> usize {
        self.lock().dead
    }

    /// How often the function failed on an event.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.lock().failures
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the queue")
    }

    /// When a poller can have a message that is due at some time.
    fn at(&self, due: Instant, message: &Message, poller: usize) -> Instant {
        if message.lot % self.pollers == poller { due } else { due + NEGLECTED }
    }
}

impl State {
    /// Moves what a poller can have now into its batch; when there may be more.
    fn take(
        &mut self,
        queue: &Queue,
        poller: usize,
        now: Instant,
        batch: &mut Vec<Message>,
    ) -> Option<Instant> {
        let mut taken = Vec::new();
        let mut next: Option<Instant> = None;
        for (&(due, number), message) in &self.waiting {
            if due > now + NEGLECTED || batch.len() + taken.len() == queue.delivery.size() {
                next = Some(next.map_or(due, |next| next.min(due)));
                break;
            }
            match queue.at(due, message, poller) {
                at if at <= now => taken.push((due, number)),
                at => next = Some(next.map_or(at, |next| next.min(at))),
            }
        }
        batch.extend(taken.iter().filter_map(|key| self.waiting.remove(key)));
        next
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
