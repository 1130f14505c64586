//! Metrics in the CloudWatch embedded metric format: lines of JSON on standard
//! output, from which CloudWatch Logs extracts the values. Writing a metric makes no
//! call, and no state is kept between invocations.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;

use domain::OrderStatus;
use serde_json::{Value, json};

use crate::clock::unix_millis;

/// Dimension of every metric: the function that reports it.
const SERVICE: &str = "Service";
/// Additional dimension of [`Metric::EventsFailed`].
const ERROR_TYPE: &str = "ErrorType";
/// Maximum number of values in a line.
const MAX_VALUES: usize = 100;

/// A metric. This type is the only definition of the metric names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Orders that reached this status. An order counts once for each status.
    Orders(OrderStatus),
    /// Time from a change of an order or of stock to the publication of its event in
    /// milliseconds, one value for each event.
    OutboxLag,
    /// Writes of InventoryServiceFunction that failed because of a concurrent write.
    ReservationConflicts,
    /// Duplicate and late events, which changed nothing.
    EventsStale,
    /// Events that met contention or an unavailable table and went to the queue.
    EventsQueued,
    /// Adjustments of stock that were applied, by a request or a receipt of goods.
    StockAdjustments,
    /// Failed attempts to apply or publish an event, in total and by `errorType`.
    EventsFailed,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 12] = [
        Self::Orders(OrderStatus::Placed),
        Self::Orders(OrderStatus::Confirmed),
        Self::Orders(OrderStatus::Shipped),
        Self::Orders(OrderStatus::Delivered),
        Self::Orders(OrderStatus::Rejected),
        Self::Orders(OrderStatus::Canceled),
        Self::OutboxLag,
        Self::ReservationConflicts,
        Self::EventsStale,
        Self::EventsQueued,
        Self::StockAdjustments,
        Self::EventsFailed,
    ];

    /// Returns the name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders(OrderStatus::Placed) => "OrdersPlaced",
            Self::Orders(OrderStatus::Confirmed) => "OrdersConfirmed",
            Self::Orders(OrderStatus::Shipped) => "OrdersShipped",
            Self::Orders(OrderStatus::Delivered) => "OrdersDelivered",
            Self::Orders(OrderStatus::Rejected) => "OrdersRejected",
            Self::Orders(OrderStatus::Canceled) => "OrdersCanceled",
            Self::OutboxLag => "OutboxLag",
            Self::ReservationConflicts => "ReservationConflicts",
            Self::EventsStale => "EventsStale",
            Self::EventsQueued => "EventsQueued",
            Self::StockAdjustments => "StockAdjustments",
            Self::EventsFailed => "EventsFailed",
        }
    }

    /// Returns the unit in CloudWatch.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::OutboxLag => "Milliseconds",
            _ => "Count",
        }
    }
}

/// A destination of metric lines.
pub trait MetricSink: fmt::Debug + Send + Sync {
    /// Writes one line. `line` has no line terminator.
    fn line(&self, line: &str);
}

/// Standard output, which Lambda forwards to CloudWatch Logs.
#[derive(Debug, Clone, Copy)]
pub struct StandardOutput;

impl MetricSink for StandardOutput {
    fn line(&self, line: &str) {
        if let Err(error) = writeln!(io::stdout().lock(), "{line}") {
            tracing::warn!(%error, "metric not written");
        }
    }
}

/// The metrics of a function. Each value is written after the operation that it counts. A
/// process that ends between the two loses a value, and CloudWatch can count a line
/// twice: metrics are for monitoring, the tables are authoritative.
#[derive(Debug, Clone)]
pub struct Metrics {
    namespace: String,
    service: &'static str,
    sink: Arc<dyn MetricSink>,
}

impl Metrics {
    /// Creates the metrics of a service. The namespace identifies the deployment.
    pub fn new(namespace: impl Into<String>, service: &'static str, sink: impl MetricSink + 'static) -> Self {
        Self { namespace: namespace.into(), service, sink: Arc::new(sink) }
    }

    /// Counts one occurrence.
    pub fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    /// Counts a number of occurrences. Writes nothing for zero.
    pub fn add(&self, metric: Metric, count: u64) {
        if count > 0 {
            self.write(metric, &json!([[SERVICE]]), count.into(), None);
        }
    }

    /// Counts failed attempts with this `errorType`, one of a small set.
    pub fn add_failed(&self, error_type: &str, count: u64) {
        if count > 0 {
            let dimensions = json!([[SERVICE], [SERVICE, ERROR_TYPE]]);
            self.write(Metric::EventsFailed, &dimensions, count.into(), Some(error_type));
        }
    }

    /// Records measured values.
    pub fn record(&self, metric: Metric, values: &[u64]) {
        for values in values.chunks(MAX_VALUES) {
            self.write(metric, &json!([[SERVICE]]), values.into(), None);
        }
    }

    fn write(&self, metric: Metric, dimensions: &Value, value: Value, error_type: Option<&str>) {
        let mut document = json!({
            "_aws": {
                "Timestamp": unix_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": dimensions,
                    "Metrics": [{"Name": metric.name(), "Unit": metric.unit()}],
                }],
            },
            SERVICE: self.service,
            (metric.name()): value,
        });
        if let Some(error_type) = error_type {
            document[ERROR_TYPE] = error_type.into();
        }
        self.sink.line(&document.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct RecordedLines(Arc<Mutex<Vec<String>>>);

    impl MetricSink for RecordedLines {
        fn line(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }

    /// Returns the lines that `act` writes, without their timestamps.
    fn lines_of(act: impl FnOnce(&Metrics)) -> Vec<Value> {
        let lines = RecordedLines::default();
        act(&Metrics::new("shop", "order-service", lines.clone()));
        let lines = lines.0.lock().unwrap();
        let read = |line: &String| {
            assert!(!line.contains('\n'));
            let mut document: Value = serde_json::from_str(line).unwrap();
            let time = document["_aws"].as_object_mut().unwrap().remove("Timestamp");
            assert!(time.unwrap().as_u64().unwrap() > 1_735_689_600_000, "{line}");
            document
        };
        lines.iter().map(read).collect()
    }

    #[test]
    fn writes_a_count_in_the_embedded_metric_format() {
        let placed = lines_of(|metrics| metrics.count(Metric::Orders(OrderStatus::Placed)));
        let expected = json!({
            "_aws": {"CloudWatchMetrics": [{
                "Namespace": "shop",
                "Dimensions": [["Service"]],
                "Metrics": [{"Name": "OrdersPlaced", "Unit": "Count"}],
            }]},
            "Service": "order-service",
            "OrdersPlaced": 1,
        });
        assert_eq!(placed, [expected]);
    }

    #[test]
    fn counts_a_failure_in_total_and_by_error_type() {
        let [failed] = lines_of(|metrics| metrics.add_failed("Busy", 2)).try_into().unwrap();
        let dimensions = json!([["Service"], ["Service", "ErrorType"]]);
        assert_eq!(failed["_aws"]["CloudWatchMetrics"][0]["Dimensions"], dimensions);
        assert_eq!((&failed["ErrorType"], &failed["EventsFailed"]), (&json!("Busy"), &json!(2)));
    }

    #[test]
    fn writes_at_most_a_hundred_values_to_a_line() {
        let values: Vec<u64> = (0..250).collect();
        let lines = lines_of(|metrics| metrics.record(Metric::OutboxLag, &values));
        let sizes: Vec<_> = lines.iter().map(|line| line["OutboxLag"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [100, 100, 50]);
        assert_eq!(lines[2]["OutboxLag"][49], 249);
        assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Milliseconds");
    }

    #[test]
    fn writes_nothing_for_zero() {
        let lines = lines_of(|metrics| {
            metrics.add(Metric::ReservationConflicts, 0);
            metrics.add_failed("Busy", 0);
            metrics.record(Metric::OutboxLag, &[]);
        });
        assert!(lines.is_empty());
    }

    #[test]
    fn every_status_has_a_metric_of_its_own() {
        for status in OrderStatus::ALL {
            assert_eq!(Metric::Orders(status).name(), format!("Orders{status}"));
            assert!(Metric::ALL.contains(&Metric::Orders(status)));
        }
        let mut names = Metric::ALL.map(Metric::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}
