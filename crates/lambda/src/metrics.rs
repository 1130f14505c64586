//! Metrics as members of log lines on standard output, from which CloudWatch Logs extracts the
//! values. Writing a metric makes no call, and no state is kept between invocations.
//!
//! The metrics that every order causes are plain numbers, and metric filters of the template extract
//! them. All others describe themselves in the embedded metric format, which adds 160 bytes to a
//! line.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html>
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::cell::RefCell;
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
    /// Items that a list left out because they do not have the expected layout.
    ItemsUnreadable,
    /// Adjustments of stock that were applied, by a request or a receipt of goods.
    StockAdjustments,
    /// Failed attempts to apply or publish an event, in total and by `errorType`.
    EventsFailed,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 13] = [
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
        Self::ItemsUnreadable,
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
            Self::ItemsUnreadable => "ItemsUnreadable",
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

    /// Returns whether a metric filter of the template extracts the metric. A filter reads one
    /// number of a line, so the values of a line are added up.
    #[must_use]
    pub const fn has_filter(self) -> bool {
        matches!(self, Self::Orders(_))
    }
}

/// The values of one metric.
#[derive(Debug)]
struct Datum {
    metric: Metric,
    values: Vec<u64>,
    error_type: Option<String>,
}

impl Datum {
    fn add(&mut self, values: Vec<u64>) {
        self.values.extend(values);
        if self.metric.has_filter() {
            self.values = vec![self.values.iter().sum()];
        }
    }
}

/// Metric values that share a line.
#[derive(Debug)]
pub struct MetricBatch {
    namespace: String,
    service: &'static str,
    data: Vec<Datum>,
}

impl MetricBatch {
    /// Adds the values of another batch. Returns it if both cannot share a line.
    fn merge(&mut self, other: Self) -> Result<(), Self> {
        let mut error_types =
            self.data.iter().chain(&other.data).filter_map(|datum| datum.error_type.as_deref());
        let first = error_types.next();
        let has_other_error_type = error_types.any(|error_type| Some(error_type) != first);
        let is_full = self.count_values() + other.count_values() > MAX_VALUES;
        if has_other_error_type
            || is_full
            || (&self.namespace, self.service) != (&other.namespace, other.service)
        {
            return Err(other);
        }
        for datum in other.data {
            match self.data.iter_mut().find(|existing| existing.metric == datum.metric) {
                Some(existing) => existing.add(datum.values),
                None => self.data.push(datum),
            }
        }
        Ok(())
    }

    fn count_values(&self) -> usize {
        self.data.iter().map(|datum| datum.values.len()).sum()
    }

    /// Returns the batch as a JSON object.
    #[must_use]
    pub fn document(&self) -> String {
        format!("{{{}}}", self.members())
    }

    /// Returns the members of the batch's JSON object, to be part of another one.
    pub(crate) fn members(&self) -> String {
        let described = self.data.iter().filter(|datum| !datum.metric.has_filter());
        let (failed, plain): (Vec<_>, Vec<_>) = described.partition(|datum| datum.error_type.is_some());
        let mut directives = Vec::new();
        for (data, dimensions) in
            [(&plain, json!([[SERVICE]])), (&failed, json!([[SERVICE], [SERVICE, ERROR_TYPE]]))]
        {
            if !data.is_empty() {
                let metric =
                    |datum: &&Datum| json!({"Name": datum.metric.name(), "Unit": datum.metric.unit()});
                directives.push(json!({
                    "Namespace": self.namespace,
                    "Dimensions": dimensions,
                    "Metrics": data.iter().map(metric).collect::<Vec<_>>(),
                }));
            }
        }
        let mut members = String::new();
        if !directives.is_empty() {
            let metadata = json!({"Timestamp": unix_millis(), "CloudWatchMetrics": directives});
            members.push_str(&format!(r#""_aws":{metadata},"#));
        }
        members.push_str(&format!(r#""{SERVICE}":"{}""#, self.service));
        if let Some(error_type) = failed.first().and_then(|datum| datum.error_type.as_deref()) {
            members.push_str(&format!(r#","{ERROR_TYPE}":{}"#, Value::from(error_type)));
        }
        for Datum { metric, values, .. } in &self.data {
            let value = if let [value] = values[..] { value.into() } else { Value::from(&values[..]) };
            members.push_str(&format!(r#","{}":{value}"#, metric.name()));
        }
        members
    }
}

/// A destination of metrics.
pub trait MetricSink: fmt::Debug + Send + Sync {
    /// Takes values that share a line.
    fn write(&self, batch: MetricBatch);

    /// Writes the values that are not written yet.
    fn flush(&self) {}
}

thread_local! {
    /// Values that the next log line of this thread contains.
    static PENDING: RefCell<Option<MetricBatch>> = const { RefCell::new(None) };
}

/// Log lines on standard output, which Lambda forwards to CloudWatch Logs. Values become a part of
/// the next log line, or a line of their own when an invocation ends, because each line has a price.
///
/// The runtime of a function has one thread and one invocation at a time, so the next line belongs to
/// the same invocation.
#[derive(Debug, Clone, Copy)]
pub struct LogLines;

impl LogLines {
    /// Returns the JSON members of the values that no line contains yet.
    pub(crate) fn take_pending() -> Option<String> {
        PENDING.take().map(|batch| batch.members())
    }
}

impl MetricSink for LogLines {
    fn write(&self, batch: MetricBatch) {
        let rejected = PENDING.with_borrow_mut(|pending| match pending {
            Some(existing) => existing.merge(batch).err(),
            None => {
                *pending = Some(batch);
                None
            }
        });
        if let Some(batch) = rejected {
            self.flush();
            PENDING.set(Some(batch));
        }
    }

    fn flush(&self) {
        if let Some(members) = Self::take_pending()
            && let Err(error) = writeln!(io::stdout().lock(), "{{{members}}}")
        {
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
            self.write(metric, vec![count], None);
        }
    }

    /// Counts failed attempts with this `errorType`, one of a small set.
    pub fn add_failed(&self, error_type: &str, count: u64) {
        if count > 0 {
            self.write(Metric::EventsFailed, vec![count], Some(error_type.to_owned()));
        }
    }

    /// Logs and counts an item that a list leaves out.
    pub fn add_unreadable(&self, id: &str, error: impl fmt::Display) {
        self.count(Metric::ItemsUnreadable);
        tracing::error!(itemId = id, %error, "unreadable item");
    }

    /// Records measured values.
    pub fn record(&self, metric: Metric, values: &[u64]) {
        for values in values.chunks(MAX_VALUES) {
            self.write(metric, values.to_vec(), None);
        }
    }

    /// Writes the values that no line contains yet. Called at the end of an invocation.
    pub fn flush(&self) {
        self.sink.flush();
    }

    fn write(&self, metric: Metric, values: Vec<u64>, error_type: Option<String>) {
        let data = vec![Datum { metric, values, error_type }];
        self.sink.write(MetricBatch { namespace: self.namespace.clone(), service: self.service, data });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct RecordedLines(Arc<Mutex<Vec<String>>>);

    impl MetricSink for RecordedLines {
        fn write(&self, batch: MetricBatch) {
            self.0.lock().unwrap().push(batch.document());
        }
    }

    /// Returns the lines that `act` writes, without the timestamps of the metrics.
    fn lines_of(act: impl FnOnce(&Metrics)) -> Vec<Value> {
        let lines = RecordedLines::default();
        act(&Metrics::new("shop", "order-service", lines.clone()));
        let lines = lines.0.lock().unwrap();
        let read = |line: &String| {
            assert!(!line.contains('\n'));
            let mut document: Value = serde_json::from_str(line).unwrap();
            if let Some(metadata) = document.get_mut("_aws") {
                let time = metadata.as_object_mut().unwrap().remove("Timestamp");
                assert!(time.unwrap().as_u64().unwrap() > 1_735_689_600_000, "{line}");
            }
            document
        };
        lines.iter().map(read).collect()
    }

    #[test]
    fn writes_a_count_in_the_embedded_metric_format() {
        let stale = lines_of(|metrics| metrics.count(Metric::EventsStale));
        let expected = json!({
            "_aws": {"CloudWatchMetrics": [{
                "Namespace": "shop",
                "Dimensions": [["Service"]],
                "Metrics": [{"Name": "EventsStale", "Unit": "Count"}],
            }]},
            "Service": "order-service",
            "EventsStale": 1,
        });
        assert_eq!(stale, [expected]);
    }

    #[test]
    fn writes_a_count_that_a_filter_extracts_as_a_plain_number() {
        let placed = lines_of(|metrics| metrics.count(Metric::Orders(OrderStatus::Placed)));
        assert_eq!(placed, [json!({"Service": "order-service", "OrdersPlaced": 1})]);
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

    /// Returns the members that the next log line contains, as a document without its timestamp.
    fn pending(act: impl FnOnce(&Metrics)) -> Value {
        act(&Metrics::new("shop", "order-service", LogLines));
        let mut document: Value =
            serde_json::from_str(&format!("{{{}}}", LogLines::take_pending().unwrap())).unwrap();
        document["_aws"].as_object_mut().unwrap().remove("Timestamp");
        document
    }

    #[test]
    fn values_of_one_invocation_share_a_line() {
        let document = pending(|metrics| {
            metrics.count(Metric::Orders(OrderStatus::Confirmed));
            metrics.add(Metric::ReservationConflicts, 2);
            metrics.count(Metric::Orders(OrderStatus::Confirmed));
            metrics.add_failed("Busy", 1);
        });
        let expected = json!({
            "_aws": {"CloudWatchMetrics": [
                {"Namespace": "shop", "Dimensions": [["Service"]], "Metrics": [
                    {"Name": "ReservationConflicts", "Unit": "Count"},
                ]},
                {"Namespace": "shop", "Dimensions": [["Service"], ["Service", "ErrorType"]], "Metrics": [
                    {"Name": "EventsFailed", "Unit": "Count"},
                ]},
            ]},
            "Service": "order-service", "ErrorType": "Busy",
            "OrdersConfirmed": 2, "ReservationConflicts": 2, "EventsFailed": 1,
        });
        assert_eq!(document, expected);
        assert!(LogLines::take_pending().is_none(), "each value is written once");
    }

    #[test]
    fn values_that_cannot_share_a_line_have_one_each() {
        let document = pending(|metrics| {
            metrics.add_failed("Busy", 1);
            metrics.add_failed("TooEarly", 2);
        });
        assert_eq!((&document["ErrorType"], &document["EventsFailed"]), (&json!("TooEarly"), &json!(2)));
        let document = pending(|metrics| metrics.record(Metric::OutboxLag, &[7; 150]));
        assert_eq!(document["OutboxLag"].as_array().unwrap().len(), 50, "a line has at most 100 values");
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
