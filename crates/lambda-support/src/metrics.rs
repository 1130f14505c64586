//! Metrics in CloudWatch's embedded metric format: a line of JSON on standard
//! output, from which CloudWatch Logs takes the figures. No call is made, and
//! nothing is kept between invocations.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;

use domain::OrderStatus;
use serde_json::{Value, json};

use crate::clock::unix_millis;

/// The dimension that every metric has: which function counted.
const SERVICE: &str = "Service";
/// The further dimension of [`Metric::EventsFailed`].
const ERROR_TYPE: &str = "ErrorType";
/// A metric of one line has at most this many values.
const MAX_VALUES: usize = 100;

/// What is counted or measured. This is the one place that knows the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Orders that came to have this status, each once for each status.
    Orders(OrderStatus),
    /// From an order's change until its event is published, in milliseconds;
    /// one value for each event.
    OutboxLag,
    /// Writes of the consumer that met another one and did nothing.
    ReservationConflicts,
    /// Events that found nothing left to do: duplicates and late ones.
    EventsStale,
    /// Tries to handle or publish an event that failed, also by their `errorType`.
    EventsFailed,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 10] = [
        Self::Orders(OrderStatus::Placed),
        Self::Orders(OrderStatus::Confirmed),
        Self::Orders(OrderStatus::Shipped),
        Self::Orders(OrderStatus::Delivered),
        Self::Orders(OrderStatus::Rejected),
        Self::Orders(OrderStatus::Canceled),
        Self::OutboxLag,
        Self::ReservationConflicts,
        Self::EventsStale,
        Self::EventsFailed,
    ];

    /// The name in CloudWatch.
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
            Self::EventsFailed => "EventsFailed",
        }
    }

    /// The unit in CloudWatch.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::OutboxLag => "Milliseconds",
            _ => "Count",
        }
    }
}

/// Where the lines go.
pub trait Sink: fmt::Debug + Send + Sync {
    /// Takes one line, which comes without its end.
    fn line(&self, line: &str);
}

/// Standard output, which Lambda sends to CloudWatch Logs.
#[derive(Debug, Clone, Copy)]
pub struct StandardOutput;

impl Sink for StandardOutput {
    fn line(&self, line: &str) {
        if let Err(error) = writeln!(io::stdout().lock(), "{line}") {
            tracing::warn!(%error, "a metric could not be written");
        }
    }
}

/// What a function counts with. Each figure is written when what it counts has
/// happened. A process that ends between the two leaves a figure out; none is
/// ever doubled here, though CloudWatch may: figures are for watching, and the
/// tables are the truth.
#[derive(Debug, Clone)]
pub struct Metrics {
    namespace: String,
    service: &'static str,
    sink: Arc<dyn Sink>,
}

impl Metrics {
    /// Metrics of a service, in a namespace that tells one deployment from another.
    pub fn new(namespace: impl Into<String>, service: &'static str, sink: impl Sink + 'static) -> Self {
        Self { namespace: namespace.into(), service, sink: Arc::new(sink) }
    }

    /// Counts something that happened once.
    pub fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    /// Counts something that happened some times; never is no news.
    pub fn add(&self, metric: Metric, times: u64) {
        if times > 0 {
            self.write(metric, &json!([[SERVICE]]), times.into(), None);
        }
    }

    /// Counts tries on events that failed with this `errorType`, one of few.
    pub fn add_failed(&self, error_type: &str, times: u64) {
        if times > 0 {
            let dimensions = json!([[SERVICE], [SERVICE, ERROR_TYPE]]);
            self.write(Metric::EventsFailed, &dimensions, times.into(), Some(error_type));
        }
    }

    /// Records how long each of some things took, or how large it was.
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
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Sink for Lines {
        fn line(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }

    /// What is written by `act`, without the time.
    fn written(act: impl FnOnce(&Metrics)) -> Vec<Value> {
        let lines = Lines::default();
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
    fn a_count_is_one_line_of_the_embedded_metric_format() {
        let placed = written(|metrics| metrics.count(Metric::Orders(OrderStatus::Placed)));
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
    fn a_failure_is_counted_as_such_and_by_its_type() {
        let [failed] = written(|metrics| metrics.add_failed("Busy", 2)).try_into().unwrap();
        let dimensions = json!([["Service"], ["Service", "ErrorType"]]);
        assert_eq!(failed["_aws"]["CloudWatchMetrics"][0]["Dimensions"], dimensions);
        assert_eq!((&failed["ErrorType"], &failed["EventsFailed"]), (&json!("Busy"), &json!(2)));
    }

    #[test]
    fn values_are_written_a_hundred_to_a_line() {
        let values: Vec<u64> = (0..250).collect();
        let lines = written(|metrics| metrics.record(Metric::OutboxLag, &values));
        let sizes: Vec<_> = lines.iter().map(|line| line["OutboxLag"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [100, 100, 50]);
        assert_eq!(lines[2]["OutboxLag"][49], 249);
        assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Milliseconds");
    }

    #[test]
    fn what_did_not_happen_is_not_written() {
        let lines = written(|metrics| {
            metrics.add(Metric::ReservationConflicts, 0);
            metrics.add_failed("Busy", 0);
            metrics.record(Metric::OutboxLag, &[]);
        });
        assert!(lines.is_empty());
    }

    #[test]
    fn every_status_of_an_order_is_counted_under_its_own_name() {
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
