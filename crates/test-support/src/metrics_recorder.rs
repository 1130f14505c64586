//! The metrics that the functions write, read and validated as CloudWatch reads them: by the metric
//! filters of the template, and in the embedded metric format.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lambda::metrics::{MetricBatch, MetricSink};
use serde_json::{Map, Value};

use crate::template;

/// Limits and units of the specification:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
const MAX_NAME: usize = 1024;
const MAX_NAMESPACE: usize = 256;
const MAX_DIMENSIONS: usize = 30;
const MAX_METRICS: usize = 100;
const MAX_VALUES: usize = 100;
const MAX_LINE: usize = 256 * 1024;
const UNITS: [&str; 2] = ["Count", "Milliseconds"];
/// CloudWatch accepts timestamps from this far in the past to this far in the future, in milliseconds.
const MAX_PAST: u64 = 14 * 24 * 3600 * 1000;
const MAX_FUTURE: u64 = 2 * 3600 * 1000;

/// The metric lines that functions have written. Each line is validated against the specification.
#[derive(Debug, Clone, Default)]
pub struct MetricsRecorder(Arc<Mutex<Vec<Line>>>);

/// One valid line.
#[derive(Debug, Clone)]
struct Line {
    document: Map<String, Value>,
    dimensions: Vec<Vec<String>>,
    metrics: Vec<String>,
}

impl MetricSink for MetricsRecorder {
    fn write(&self, batch: MetricBatch) {
        self.add(&batch.document());
    }
}

impl MetricsRecorder {
    fn add(&self, line: &str) {
        let line = parse(line).unwrap_or_else(|error| panic!("{line} is not a valid metric: {error}"));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl MetricsRecorder {
    /// Records the metrics in a function's output, and skips all other lines.
    #[must_use]
    pub fn from_output(lines: &[String]) -> Self {
        let recorder = Self::default();
        lines.iter().filter(|line| line.contains(r#""Service":"#)).for_each(|line| recorder.add(line));
        recorder
    }

    /// Returns the values of a metric in the order in which they were written.
    #[must_use]
    pub fn values(&self, metric: &str) -> Vec<u64> {
        self.values_where(metric, |_| true)
    }

    /// Returns the sum of a metric.
    #[must_use]
    pub fn sum(&self, metric: &str) -> u64 {
        self.values(metric).iter().sum()
    }

    /// Returns the number of failed events with one `errorType`.
    #[must_use]
    pub fn failures(&self, error_type: &str) -> u64 {
        self.values_where("EventsFailed", |line| line.document["ErrorType"] == error_type).iter().sum()
    }

    /// Returns the number of orders by status, such as `{"Placed": 1}`.
    #[must_use]
    pub fn order_counts(&self) -> BTreeMap<String, u64> {
        let mut orders = BTreeMap::new();
        for line in self.lines() {
            for status in line.metrics.iter().filter_map(|name| name.strip_prefix("Orders")) {
                let values = values(&line.document[&format!("Orders{status}")]).expect("values");
                *orders.entry(status.to_owned()).or_insert(0) += values.iter().sum::<u64>();
            }
        }
        orders
    }

    /// Returns every dimension with its distinct values.
    #[must_use]
    pub fn dimensions(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in self.lines() {
            for name in line.dimensions.iter().flatten() {
                let values = found.entry(name.clone()).or_default();
                values.push(line.document[name].as_str().expect("text").to_owned());
                values.sort();
                values.dedup();
            }
        }
        found
    }

    /// Removes the recorded lines.
    pub fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn values_where(&self, metric: &str, condition: impl Fn(&Line) -> bool) -> Vec<u64> {
        let lines = self.lines();
        let lines =
            lines.iter().filter(|line| line.metrics.iter().any(|name| name == metric) && condition(line));
        lines.flat_map(|line| values(&line.document[metric]).expect("values")).collect()
    }

    fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Parses a line as CloudWatch does. The error names the violated rule.
fn parse(line: &str) -> Result<Line, String> {
    ensure(line.len() <= MAX_LINE && !line.contains('\n'), "one line within the limit")?;
    let document: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let mut parsed = Line { document, dimensions: Vec::new(), metrics: Vec::new() };
    read_embedded_metrics(&mut parsed)?;
    read_filtered_metrics(&mut parsed)?;
    ensure(!parsed.metrics.is_empty(), "a line with a metric")?;
    Ok(parsed)
}

/// Reads the metrics that the line describes itself, if there are any.
fn read_embedded_metrics(line: &mut Line) -> Result<(), String> {
    let Some(metadata) = line.document.get("_aws") else { return Ok(()) };
    let metadata = members(Some(metadata), &["CloudWatchMetrics", "Timestamp"])?;
    check_timestamp(&metadata["Timestamp"])?;
    let directives = metadata["CloudWatchMetrics"].as_array().filter(|list| !list.is_empty());
    for directive in directives.ok_or("no CloudWatchMetrics")? {
        let directive = members(Some(directive), &["Dimensions", "Metrics", "Namespace"])?;
        check_name(&directive["Namespace"], MAX_NAMESPACE)?;
        line.dimensions.extend(dimensions(&directive["Dimensions"], &line.document)?);
        line.metrics.extend(metrics(&directive["Metrics"], &line.document)?);
    }
    Ok(())
}

/// Reads the values that a metric filter extracts. A filter cannot read a list.
fn read_filtered_metrics(line: &mut Line) -> Result<(), String> {
    let service = check_name(line.document.get("Service").ok_or("no Service")?, MAX_NAME)?.to_owned();
    for filter in template::metric_filters().filter(|filter| filter.service == service) {
        let Some(value) = line.document.get(filter.member) else { continue };
        ensure(value.is_u64(), &format!("a number: {}", filter.member))?;
        ensure(filter.member == filter.metric && UNITS.contains(&filter.unit), "a known metric and unit")?;
        ensure(!line.metrics.iter().any(|metric| metric == filter.metric), "extracted once")?;
        line.metrics.push(filter.metric.to_owned());
        line.dimensions.push(vec!["Service".to_owned()]);
    }
    Ok(())
}

fn check_timestamp(value: &Value) -> Result<(), String> {
    let (time, now) = (value.as_u64().ok_or("Timestamp")?, lambda::clock::unix_millis());
    ensure(time + MAX_PAST > now && time < now + MAX_FUTURE, "a recent Timestamp in milliseconds")
}

fn dimensions(sets: &Value, document: &Map<String, Value>) -> Result<Vec<Vec<String>>, String> {
    let parse = |set: &Value| {
        let names = set.as_array().filter(|names| names.len() <= MAX_DIMENSIONS).ok_or("a dimension set")?;
        let name = |name: &Value| {
            let name = check_name(name, MAX_NAME)?;
            check_name(document.get(name).ok_or(format!("{name} has no value"))?, MAX_NAME)?;
            Ok(name.to_owned())
        };
        names.iter().map(name).collect::<Result<Vec<_>, String>>()
    };
    sets.as_array().filter(|sets| !sets.is_empty()).ok_or("no Dimensions")?.iter().map(parse).collect()
}

fn metrics(list: &Value, document: &Map<String, Value>) -> Result<Vec<String>, String> {
    let parse = |metric: &Value| {
        let metric = members(Some(metric), &["Name", "Unit"])?;
        let name = check_name(&metric["Name"], MAX_NAME)?;
        ensure(UNITS.iter().any(|unit| metric["Unit"] == *unit), "a known Unit")?;
        values(document.get(name).ok_or(format!("{name} has no value"))?)
            .ok_or(format!("{name} is not a number"))?;
        Ok(name.to_owned())
    };
    let list = list.as_array().filter(|list| (1..=MAX_METRICS).contains(&list.len()));
    list.ok_or("the number of Metrics")?.iter().map(parse).collect()
}

/// Returns the values of a metric: a whole number, or a list of whole numbers.
fn values(value: &Value) -> Option<Vec<u64>> {
    match value {
        Value::Array(values) if (1..=MAX_VALUES).contains(&values.len()) => {
            values.iter().map(Value::as_u64).collect()
        }
        value => Some(vec![value.as_u64()?]),
    }
}

/// Returns an object that has exactly these members.
fn members<'a>(value: Option<&'a Value>, names: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let object = value.and_then(Value::as_object).ok_or("not an object")?;
    let mut found: Vec<_> = object.keys().map(String::as_str).collect();
    found.sort_unstable();
    ensure(found == names, &format!("the members {names:?}, not {found:?}"))?;
    Ok(object)
}

fn check_name(value: &Value, longest: usize) -> Result<&str, String> {
    let text = value.as_str().ok_or("not text")?;
    ensure((1..=longest).contains(&text.len()) && text.is_ascii(), "text within the limit")?;
    Ok(text)
}

fn ensure(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("must be {rule}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line() -> Value {
        json!({
            "_aws": {
                "Timestamp": lambda::clock::unix_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": "shop",
                    "Dimensions": [["Service"]],
                    "Metrics": [{"Name": "OutboxLag", "Unit": "Milliseconds"}],
                }],
            },
            "Service": "order-service",
            "OutboxLag": [1, 2],
        })
    }

    #[test]
    fn reads_a_valid_line() {
        let recorder = MetricsRecorder::default();
        recorder.add(&line().to_string());
        assert_eq!((recorder.values("OutboxLag"), recorder.sum("OutboxLag")), (vec![1, 2], 3));
        assert_eq!(recorder.dimensions(), [("Service".to_owned(), vec!["order-service".to_owned()])].into());
    }

    #[test]
    fn reads_what_a_metric_filter_of_the_function_extracts() {
        let line =
            |service: &str, value: Value| json!({"Service": service, "OrdersPlaced": value}).to_string();
        let recorder = MetricsRecorder::default();
        recorder.add(&line("order-service", json!(2)));
        assert_eq!(recorder.order_counts(), [("Placed".to_owned(), 2)].into());
        assert_eq!(recorder.dimensions(), [("Service".to_owned(), vec!["order-service".to_owned()])].into());
        for invalid in [line("inventory-service", json!(2)), line("order-service", json!([1, 1]))] {
            assert!(parse(&invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn rejects_a_line_that_violates_a_rule() {
        let directive = "/_aws/CloudWatchMetrics/0";
        let violations = [
            ("/_aws/Timestamp".to_owned(), json!(1_735_689_600)),
            ("/_aws/CloudWatchMetrics".to_owned(), json!([])),
            (format!("{directive}/Namespace"), json!("")),
            (format!("{directive}/Dimensions"), json!(["Service"])),
            (format!("{directive}/Dimensions"), json!([["Unknown"]])),
            (format!("{directive}/Metrics"), json!([])),
            (format!("{directive}/Metrics/0/Unit"), json!("Furlongs")),
            (format!("{directive}/Metrics/0/Name"), json!("Unknown")),
            ("/Service".to_owned(), json!(7)),
            ("/OutboxLag".to_owned(), json!("7")),
            ("/OutboxLag".to_owned(), json!(7.5)),
            ("/OutboxLag".to_owned(), json!([])),
            ("/OutboxLag".to_owned(), json!(vec![1; 101])),
        ];
        assert!(parse(&line().to_string()).is_ok());
        for (pointer, value) in violations {
            let mut invalid = line();
            *invalid.pointer_mut(&pointer).unwrap() = value;
            assert!(parse(&invalid.to_string()).is_err(), "{invalid}");
        }
    }
}
