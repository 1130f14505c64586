//! Structured logs: one flat JSON object in each line of standard output.

mod flat_json;

use std::{env, io};

use self::flat_json::FlatJson;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Crates of this project that log below the level `WARN`, at the configured level. All
/// other crates log warnings only: at lower levels, libraries log whole requests and
/// responses.
///
/// The filter matches prefixes, so `aws` and `lambda` would match libraries as well.
const PROJECT_CRATES: [&str; 4] = ["api", "inventory_service", "order_service", "outbox"];

/// Starts logging at the level in `LOG_LEVEL`, `AWS_LAMBDA_LOG_LEVEL` (set by Lambda's
/// logging controls), or `info`.
///
/// Lambda filters the output again and must pass every line: it treats a line without
/// a level, such as a metric, as `INFO`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
///
/// Every line carries the fields of its spans: the runtime's span with the request
/// id, and the handler's span. The handler's span has level `ERROR`, because a span
/// below the configured level would be dropped together with its ids.
///
/// # Panics
/// If logging was started before.
pub fn init() {
    let level = configured_level(|variable| env::var(variable).ok());
    subscriber(level.as_deref(), io::stdout).init();
}

/// Creates the subscriber that [`init`] installs, writing to `writer`.
pub fn subscriber<W>(level: Option<&str>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let format = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(FlatJson);
    tracing_subscriber::registry().with(filter(level)).with(format.with_writer(writer))
}

fn configured_level(environment: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"].into_iter().find_map(environment)
}

fn filter(level: Option<&str>) -> Targets {
    let level = level.and_then(|name| name.parse().ok()).unwrap_or(LevelFilter::INFO);
    Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        // The runtime's span carries the request id.
        .with_target("lambda_runtime::layers::trace", LevelFilter::INFO)
        .with_targets(PROJECT_CRATES.map(|name| (name, level)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::Level;

    use super::*;

    #[test]
    fn log_level_takes_precedence_over_lambdas_level() {
        let both = |variable: &str| Some(if variable == "LOG_LEVEL" { "warn" } else { "trace" }.to_owned());
        assert_eq!(configured_level(both).as_deref(), Some("warn"));
        let lambda_level = |variable: &str| (variable == "AWS_LAMBDA_LOG_LEVEL").then(|| "debug".to_owned());
        assert_eq!(configured_level(lambda_level).as_deref(), Some("debug"));
        assert_eq!(configured_level(|_| None), None);
    }

    #[test]
    fn libraries_log_warnings_only() {
        for level in [None, Some("debug"), Some("TRACE"), Some("nonsense")] {
            let filter = filter(level);
            for project in ["api::request", "inventory_service", "order_service::routes", "outbox::publisher"]
            {
                assert!(filter.would_enable(project, &Level::INFO), "{project} {level:?}");
            }
            for library in ["hyper", "aws_smithy_runtime", "aws_sdk_dynamodb", "lambda_runtime"] {
                assert!(filter.would_enable(library, &Level::WARN), "{library} {level:?}");
                assert!(!filter.would_enable(library, &Level::INFO), "{library} {level:?}");
            }
        }
        assert!(filter(Some("debug")).would_enable("order_service", &Level::DEBUG));
        assert!(!filter(Some("error")).would_enable("hyper", &Level::WARN));
    }

    /// Returns the line that is logged inside of a span.
    fn line_in_span() -> String {
        let output: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = Arc::clone(&output);
        let subscriber = subscriber(None, move || Output(Arc::clone(&writer)));
        tracing::subscriber::with_default(subscriber, || {
            let runtime =
                tracing::info_span!(target: "lambda_runtime::layers::trace", "runtime", requestId = "r");
            let handler = runtime.in_scope(
                || tracing::error_span!(target: "api::request", "request", orderId = tracing::field::Empty),
            );
            handler.record("orderId", "o\"1");
            handler.in_scope(|| tracing::info!(target: "api::request", status = 201, "answered"));
        });
        let bytes = output.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Debug)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_a_flat_object_with_the_fields_of_its_spans() {
        let line = line_in_span();
        let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        let timestamp = object.remove("timestamp").unwrap();
        assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
        let expected = serde_json::json!({
            "level": "INFO", "message": "answered", "status": 201, "orderId": "o\"1", "requestId": "r",
        });
        assert_eq!(serde_json::Value::Object(object), expected, "{line}");
    }

    #[test]
    fn never_drops_the_span_with_the_request_id() {
        assert!(filter(Some("error")).would_enable("lambda_runtime::layers::trace", &Level::INFO));
    }
}
