//! Logs: one JSON object a line, on standard output.

use std::{env, io};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates whose lines follow the chosen level. Libraries only warn: at
/// lower levels some of them log requests and answers whole.
const OWN_CRATES: [&str; 4] = ["aws_support", "inventory_service", "lambda_support", "order_service"];

/// Starts logging, at the level that the environment names: `LOG_LEVEL` or else
/// `AWS_LAMBDA_LOG_LEVEL` (set by Lambda's logging controls), or else `info`.
///
/// Lambda's own filter comes after this one, and has to let everything pass: it
/// takes a line without a level, such as a metric, for `INFO`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
///
/// Every line carries its spans, outermost first: the runtime's with the
/// request id, then the handler's own, which is of level `ERROR`: a span below
/// the chosen level would be left out, and the ids with it.
pub fn init() {
    let named = named(|variable| env::var(variable).ok());
    subscriber(named.as_deref(), io::stdout).init();
}

/// What logs to `writer`, at the level of this name, as [`init`] does.
pub fn subscriber<W>(level: Option<&str>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(filter(level)).with(format.with_writer(writer))
}

fn named(environment: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"].into_iter().find_map(environment)
}

fn filter(named: Option<&str>) -> Targets {
    let level = named.and_then(|name| name.parse().ok()).unwrap_or(LevelFilter::INFO);
    Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        // The runtime's span carries the request id.
        .with_target("lambda_runtime::layers::trace", LevelFilter::INFO)
        .with_targets(OWN_CRATES.map(|name| (name, level)))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_functions_own_level_goes_before_that_of_lambdas_filter() {
        let both = |variable: &str| Some(if variable == "LOG_LEVEL" { "warn" } else { "trace" }.to_owned());
        assert_eq!(named(both).as_deref(), Some("warn"));
        let lambdas = |variable: &str| (variable == "AWS_LAMBDA_LOG_LEVEL").then(|| "debug".to_owned());
        assert_eq!(named(lambdas).as_deref(), Some("debug"));
        assert_eq!(named(|_| None), None);
    }

    #[test]
    fn libraries_never_say_more_than_warnings() {
        for level in [None, Some("debug"), Some("TRACE"), Some("nonsense")] {
            let filter = filter(level);
            assert!(filter.would_enable("order_service::api", &Level::INFO), "{level:?}");
            assert!(filter.would_enable("hyper", &Level::WARN), "{level:?}");
            assert!(!filter.would_enable("hyper", &Level::INFO), "{level:?}");
        }
        assert!(filter(Some("debug")).would_enable("order_service", &Level::DEBUG));
        assert!(!filter(Some("error")).would_enable("hyper", &Level::WARN));
    }

    #[test]
    fn the_span_with_the_request_id_is_never_filtered_out() {
        assert!(filter(Some("error")).would_enable("lambda_runtime::layers::trace", &Level::INFO));
    }
}
