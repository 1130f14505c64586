//! One measurement: so many orders, a design, a concurrency.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::design::{Design, End, Instance, Orders, TABLES};
use crate::model::{Model, Rules, Tally};
use crate::queue::{Delivery, Queue};

/// From the end of one invocation to the handler's start of the next, and the
/// handler's own work: neither takes time on the model's clock by itself.
const INVOCATION: Duration = Duration::from_millis(2);

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// How stock is reserved.
    pub design: Design,
    /// How events arrive at the function.
    pub delivery: Delivery,
    /// How many instances of the function there are at most.
    pub concurrency: usize,
    /// How many orders there are.
    pub orders: usize,
    /// How many of them come in each second; `None` if all are there at once.
    pub per_second: Option<f64>,
    /// What DynamoDB is like.
    pub rules: Rules,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How long each confirmed order took from its event on, shortest first.
    pub latencies: Vec<Duration>,
    /// When each of them was confirmed, from the start on, earliest first.
    pub confirmed_at: Vec<Duration>,
    /// Calls, conflicts and units.
    pub tally: Tally,
    /// How many orders were not confirmed, their events in the dead-letter queue.
    pub dead: usize,
    /// How often the function failed on an event.
    pub failures: usize,
    /// Where the pieces are.
    pub end: End,
}

impl Outcome {
    /// Confirmed orders a second while there was work: the time of the slowest
    /// twentieth, which waits for redelivery if anything does, is told apart.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        let most = (self.confirmed_at.len() * 95).div_ceil(100);
        self.confirmed_at[..most].last().map_or(0.0, |last| most as f64 / last.as_secs_f64())
    }

    /// The latency that so many of a hundred orders stay below.
    #[must_use]
    pub fn percentile(&self, hundredths: usize) -> Duration {
        let n = (self.latencies.len() * hundredths).div_ceil(100).saturating_sub(1);
        self.latencies.get(n).copied().unwrap_or_default()
    }
}

impl Scenario {
    /// Runs it on a clock of its own. Chance is seeded: the same scenario has
    /// the same outcome, on any machine.
    #[must_use]
    pub fn run(&self) -> Outcome {
        fastrand::seed(7);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(self.measure())
    }

    async fn measure(&self) -> Outcome {
        let model = Arc::new(Model::new(self.rules, &TABLES));
        let orders = Orders::place(&model, self.design, self.orders);
        let start = Instant::now();
        let times = (0..self.orders).map(|n| start + self.comes_after(n));
        let queue = Queue::new(self.delivery, self.concurrency, times);
        let confirmed = Mutex::new(Vec::with_capacity(self.orders));
        let instances =
            (0..self.concurrency).map(|poller| self.serve(&model, poller, &orders, &queue, &confirmed));
        join_all(instances).await;
        let confirmed: Vec<(Instant, Instant)> = confirmed.into_inner().expect("the times");
        let mut latencies: Vec<_> = confirmed.iter().map(|(came, done)| *done - *came).collect();
        let mut confirmed_at: Vec<_> = confirmed.iter().map(|(_, done)| *done - start).collect();
        latencies.sort_unstable();
        confirmed_at.sort_unstable();
        Outcome {
            latencies,
            confirmed_at,
            tally: model.tally(),
            dead: queue.dead(),
            failures: queue.failures(),
            end: orders.end(&model),
        }
    }

    fn comes_after(&self, n: usize) -> Duration {
        self.per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(n as f64 / rate))
    }

    async fn serve(
        &self,
        model: &Arc<Model>,
        poller: usize,
        orders: &Orders,
        queue: &Queue,
        confirmed: &Mutex<Vec<(Instant, Instant)>>,
    ) {
        let instance = Instance::start(model, self.design);
        while let Some(batch) = queue.receive(poller).await {
            sleep(INVOCATION).await;
            let numbers: Vec<_> = batch.iter().map(|message| message.number).collect();
            let failed = instance.apply(orders, &numbers).await;
            for message in batch {
                let done = !failed.contains(&message.number);
                if done {
                    confirmed.lock().expect("the times").push((message.came, Instant::now()));
                }
                queue.settle(message, done);
            }
        }
    }
}
