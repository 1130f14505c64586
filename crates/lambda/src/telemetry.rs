//! Structured logs: one JSON object in each line of standard output.

use std::{env, io};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
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
/// Every line carries its spans, outermost first: the runtime's span with the request
/// id, then the handler's span. The handler's span has level `ERROR`, because a span
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
    let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
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

    #[test]
    fn never_drops_the_span_with_the_request_id() {
        assert!(filter(Some("error")).would_enable("lambda_runtime::layers::trace", &Level::INFO));
    }
}
