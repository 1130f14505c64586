//! One simulation: a number of orders, a design, and a concurrency.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::design::Design;
use crate::event_queue::EventQueue;
use crate::function_instance::FunctionInstance;
use crate::model::{Assumptions, DynamoDbModel, Usage};
use crate::orders::{FinalStock, Orders, Products, TABLES};
use crate::queue::{DeliveryMode, Queue};

/// The seed of all random numbers. The published figures depend on it.
const SEED: u64 = 7;

/// The time between the end of one invocation and the start of the next one,
/// with the handler's own work. Neither takes virtual time by itself.
const INVOCATION_OVERHEAD: Duration = Duration::from_millis(2);

/// The largest number of concurrent batches of OrderEventQueue: `MaximumConcurrency` in
/// `template.yaml`.
pub(crate) const MAX_BATCHES: usize = 2;

/// The batches of OrderEventQueue: `BatchSize` and `MaximumBatchingWindowInSeconds` in
/// `template.yaml`.
pub(crate) const QUEUE_BATCHES: DeliveryMode =
    DeliveryMode::Batched { max_size: 99, window: Duration::from_secs(1) };

/// The parameters of a simulation.
#[derive(Debug, Clone, Copy)]
pub struct Simulation {
    /// The way in which the function reserves stock.
    pub design: Design,
    /// The path of events to the function.
    pub delivery: DeliveryMode,
    /// The largest number of concurrent invocations, each in an instance of its own.
    pub concurrency: usize,
    /// The number of orders, each for one unit of a product.
    pub orders: usize,
    /// The products that the orders are for.
    pub products: Products,
    /// Orders that arrive each second, or `None` if all arrive at once.
    pub orders_per_second: Option<f64>,
    /// The times and limits of DynamoDB.
    pub assumptions: Assumptions,
}

/// The result of a simulation.
#[derive(Debug, Clone)]
pub struct SimulationResult {
    /// The times from event to confirmed order, in ascending order.
    pub latencies: Vec<Duration>,
    /// The times from the start to each confirmed order, in ascending order.
    pub confirmed_at: Vec<Duration>,
    /// Requests, conflicts, and write units.
    pub usage: Usage,
    /// Events in the dead-letter queue. Their orders are not confirmed.
    pub dead_letters: usize,
    /// Failed attempts.
    pub failures: usize,
    /// Events that the function has sent to OrderEventQueue.
    pub queued: usize,
    /// The units of stock at the end.
    pub stock: FinalStock,
}

impl SimulationResult {
    /// Returns the confirmed orders per second. Leaves out the last 5% of the
    /// orders, because redelivery delays some of them by minutes.
    #[must_use]
    pub fn confirmed_per_second(&self) -> f64 {
        let counted = (self.confirmed_at.len() * 95).div_ceil(100);
        self.confirmed_at[..counted].last().map_or(0.0, |last| counted as f64 / last.as_secs_f64())
    }

    /// Returns the latency that this percentage of the orders does not exceed.
    #[must_use]
    pub fn latency_percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

impl Simulation {
    /// Runs the simulation in virtual time. The random numbers are seeded: the
    /// same simulation has the same result on any machine.
    #[must_use]
    pub fn run(&self) -> SimulationResult {
        fastrand::seed(SEED);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(self.simulate())
    }

    async fn simulate(&self) -> SimulationResult {
        let model = Arc::new(DynamoDbModel::new(self.assumptions, &TABLES));
        let orders = Orders::store(&model, self.products, self.orders);
        let start = Instant::now();
        let arrivals: Vec<_> =
            (0..self.orders).map(|order_index| start + self.arrival(order_index)).collect();
        let queue = Queue::new(self.delivery, self.concurrency, arrivals.clone());
        let event_queue = Arc::new(match self.design {
            Design::Adaptive => EventQueue::accepting(Queue::open(QUEUE_BATCHES, MAX_BATCHES), arrivals),
            _ => EventQueue::refusing(),
        });
        let confirmations = self.deliver(&model, &orders, &queue, &event_queue).await;
        let mut latencies: Vec<_> =
            confirmations.iter().map(|order| order.confirmed_at - order.arrived_at).collect();
        let mut confirmed_at: Vec<_> = confirmations.iter().map(|order| order.confirmed_at - start).collect();
        latencies.sort_unstable();
        confirmed_at.sort_unstable();
        SimulationResult {
            latencies,
            confirmed_at,
            usage: model.usage(),
            dead_letters: queue.dead_letters() + event_queue.dead_letters(),
            failures: queue.failures(),
            queued: event_queue.received(),
            stock: orders.final_stock(&model),
        }
    }

    /// Returns the time between the start and the arrival of an order.
    fn arrival(&self, order_index: usize) -> Duration {
        self.orders_per_second
            .map_or(Duration::ZERO, |rate| Duration::from_secs_f64(order_index as f64 / rate))
    }

    /// Delivers all events, and those that the function sends to the event queue. Returns the
    /// confirmed orders.
    async fn deliver(
        &self,
        model: &Arc<DynamoDbModel>,
        orders: &Orders,
        queue: &Queue,
        event_queue: &Arc<EventQueue>,
    ) -> Vec<Confirmation> {
        let poller = |design, queue| Poller { model, orders, queue, event_queue, design };
        let pollers = (0..self.concurrency).map(|n| poller(self.design, queue).poll(n));
        let Some(messages) = event_queue.messages() else {
            return join_all(pollers).await.concat();
        };
        let direct = async {
            let confirmations = join_all(pollers).await;
            messages.close();
            confirmations
        };
        let batches = join_all((0..MAX_BATCHES).map(|n| poller(Design::Batch, messages).poll(n)));
        let (direct, batches) = join(direct, batches).await;
        [direct, batches].concat().concat()
    }
}

/// A poller of a queue, with an instance of the function.
#[derive(Debug, Clone, Copy)]
struct Poller<'a> {
    model: &'a Arc<DynamoDbModel>,
    orders: &'a Orders,
    queue: &'a Queue,
    event_queue: &'a Arc<EventQueue>,
    design: Design,
}

impl Poller<'_> {
    /// Applies batches of events until every event is confirmed, handed over or
    /// dead-lettered. Returns the orders that this poller's instance confirmed.
    async fn poll(self, poller: usize) -> Vec<Confirmation> {
        let Self { queue, event_queue, .. } = self;
        let instance = FunctionInstance::start(self.model, event_queue, self.design);
        let mut confirmations = Vec::new();
        while let Some(batch) = queue.receive(poller).await {
            sleep(INVOCATION_OVERHEAD).await;
            let order_indexes: Vec<_> = batch.iter().map(|message| message.order_index).collect();
            let failed = instance.apply(self.orders, &order_indexes).await;
            for message in batch {
                if failed.contains(&message.order_index) {
                    let pause = event_queue.take_pause(message.order_index);
                    queue.reject(message, pause);
                    continue;
                }
                let handed_over =
                    self.design == Design::Adaptive && event_queue.has_received(message.order_index);
                if !handed_over {
                    let (arrived_at, confirmed_at) = (message.arrived_at, Instant::now());
                    confirmations.push(Confirmation { arrived_at, confirmed_at });
                }
                queue.acknowledge(message);
            }
        }
        confirmations
    }
}

/// The times of a confirmed order.
#[derive(Debug, Clone, Copy)]
struct Confirmation {
    arrived_at: Instant,
    confirmed_at: Instant,
}
