//! The columns of each CSV file, in their order.

use serde::{Deserialize, Serialize};

/// `lambda-latency.csv`: the time of one phase of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LambdaLatency {
    /// The function, peer, or baseline.
    pub target: String,
    /// `http` or `https`, to the DynamoDB engine.
    pub transport: String,
    /// `init`, `first_invocation`, `cold_start` (both) or `warm_invocation`.
    pub phase: String,
    /// 10, 50, 90 or 99.
    pub percentile: u8,
    /// The time in milliseconds.
    pub milliseconds: f64,
}

/// `lambda-instructions.csv`: the instructions that a function executes in one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LambdaInstructions {
    /// The function.
    pub target: String,
    /// `http` or `https`, to the DynamoDB engine.
    pub transport: String,
    /// `init`, `first_invocation` or `warm_invocation`.
    pub phase: String,
    /// The count in millions.
    pub millions: f64,
}

/// `lambda-size.csv`: the memory and the deployment package of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LambdaSize {
    /// The function or peer.
    pub target: String,
    /// `peak_memory` or `package`.
    pub measure: String,
    /// The size in units of 1,000,000 bytes.
    pub megabytes: f64,
}

/// `lambda-goals.csv`: a goal and the figure that decides it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LambdaGoal {
    /// The measured quantity.
    pub goal: String,
    /// The function or peer.
    pub subject: String,
    /// `at most` or `at least`.
    pub bound: String,
    /// The limit.
    pub limit: f64,
    /// The measured value.
    pub measured: f64,
    /// The unit of both.
    pub unit: String,
    /// `yes` or `no`.
    pub met: String,
}

/// `lambda-warm-ratio.csv`: the warm invocation of a peer, divided by that of order-service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LambdaWarmRatio {
    /// The peer.
    pub target: String,
    /// The ratio of the medians.
    pub whole_time: f64,
    /// The ratio if order-service took only the time of the baseline.
    pub order_service_at_baseline: f64,
    /// The ratio of the times above the baseline.
    pub above_baseline: f64,
}

/// `lambda-setup.csv`: a property of the measuring machine or of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LambdaSetup {
    /// The name of the property.
    pub property: String,
    /// Its value.
    pub value: String,
}

/// `hot-product-throughput.csv`: all orders arrive at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotProductThroughput {
    /// The design.
    pub design: String,
    /// The largest number of concurrent invocations.
    pub concurrency: usize,
    /// Confirmed orders per second, without the last 5% of the orders.
    pub confirmed_per_second: f64,
    /// Seconds until the last order is confirmed.
    pub last_confirmed_seconds: f64,
    /// Items that were rejected with a transaction conflict, per order.
    pub conflicts_per_order: f64,
    /// Write units of successful writes, per order.
    pub write_units_per_order: f64,
    /// Write units of successful and rejected writes, per order.
    pub total_units_per_order: f64,
    /// Attempts after which the function reported a failure.
    pub failures: usize,
    /// Events in the dead-letter queue.
    pub dead_letters: usize,
}

/// `hot-product-latency.csv`: orders arrive at a constant rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotProductLatency {
    /// The design.
    pub design: String,
    /// Orders that arrive each second.
    pub orders_per_second: f64,
    /// Median milliseconds from event to confirmed order.
    pub median_ms: u64,
    /// 99th percentile of the same.
    pub p99_ms: u64,
    /// Items that were rejected with a transaction conflict, per order.
    pub conflicts_per_order: f64,
    /// Write units of successful writes, per order.
    pub write_units_per_order: f64,
    /// Write units of successful and rejected writes, per order.
    pub total_units_per_order: f64,
    /// Attempts after which the function reported a failure.
    pub failures: usize,
    /// Events in the dead-letter queue.
    pub dead_letters: usize,
}

/// `hot-product-delivery.csv`: adaptive delivery against its alternatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotProductDelivery {
    /// The way in which events reach the function.
    pub delivery: String,
    /// The number of products. With more than one, their popularity follows Zipf's law.
    pub products: usize,
    /// The largest number of concurrent invocations by the bus, or by the queue without one.
    pub concurrency: usize,
    /// Orders that arrive each second, or 0 if all arrive at once.
    pub orders_per_second: f64,
    /// Confirmed orders per second, without the last 5% of the orders.
    pub confirmed_per_second: f64,
    /// Median milliseconds from event to confirmed order.
    pub median_ms: u64,
    /// 99th percentile of the same.
    pub p99_ms: u64,
    /// Write units of successful and rejected writes of the reservation, per order.
    pub units_per_order: f64,
    /// Share of the events that went through the queue, from 0 to 1.
    pub queued_share: f64,
    /// Events in the dead-letter queue.
    pub dead_letters: usize,
}

/// `cost-by-service.csv`: the cost of an order by AWS service. `tools/cost.py` writes this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceCost {
    /// The design.
    pub design: String,
    /// The AWS service.
    pub service: String,
    /// US dollars per million orders.
    pub dollars_per_million_orders: f64,
}

/// `cost-relay-windows.csv`: the relay with a batching window. `tools/cost.py` writes this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelayWindow {
    /// The batching window in seconds.
    pub window_seconds: f64,
    /// Events per second of one shard.
    pub events_per_second: f64,
    /// Records in an invocation, on average.
    pub records_per_invocation: f64,
    /// Time that the window adds to an event in milliseconds, on average.
    pub added_milliseconds: f64,
    /// US dollars for the Lambda invocations of a million events.
    pub dollars_per_million_events: f64,
}

/// `load-latency.csv`: the distribution of the latencies of a load. `shop load --csv` writes this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadLatency {
    /// Kind of request, or the decision about orders.
    pub request: String,
    /// One request in this many is slower.
    pub one_in: u32,
    /// Latency in whole milliseconds.
    pub latency_ms: u32,
}
