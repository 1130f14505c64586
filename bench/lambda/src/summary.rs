//! The generated section of `docs/performance.md`.

use figures::rows::{LambdaGoal, LambdaSetup};
use figures::table::Table;

use crate::lambda_figures::LambdaFigures;

/// Returns the setup and the tables in Markdown.
pub(crate) fn summary(figures: &LambdaFigures) -> String {
    [setup(&figures.setup), targets(figures), goals(&figures.goals), warm_ratios(figures)].join("\n")
}

fn setup(properties: &[LambdaSetup]) -> String {
    let value = |name: &str| {
        let row = properties.iter().find(|row| row.property == name);
        row.map(|row| row.value.as_str()).unwrap_or_default()
    };
    format!(
        "Measured on {}, {} cores, {} GB, {}, with {}, {} and {}. {} rounds. Each time is the median, \
         with the range of the middle 80% in parentheses.\n",
        value("processor"),
        value("cores"),
        value("memory in GB"),
        value("kernel"),
        value("Rust"),
        value("Node.js"),
        value("Python"),
        value("rounds"),
    )
}

fn targets(figures: &LambdaFigures) -> String {
    let mut table = Table::new(&[
        "",
        "cold start",
        "cold start over TLS",
        "warm p50",
        "warm p99",
        "peak memory",
        "package",
    ]);
    let over_http = figures.latency.iter().filter(|row| row.transport == "http");
    let mut targets: Vec<_> = over_http.map(|row| row.target.as_str()).collect();
    targets.dedup();
    for target in targets {
        let tail = milliseconds(figures, target, "http", "warm_invocation", 99);
        table.push(&[
            target.to_owned(),
            median_and_range(figures, target, "http", "cold_start"),
            median_and_range(figures, target, "https", "cold_start"),
            median_and_range(figures, target, "http", "warm_invocation"),
            tail.map(|tail| format!("{tail} ms")).unwrap_or_default(),
            megabytes(figures, target, "peak_memory"),
            megabytes(figures, target, "package"),
        ]);
    }
    table.into_markdown()
}

/// Returns the median with the 10th and 90th percentile, or nothing if the
/// phase was not measured.
fn median_and_range(figures: &LambdaFigures, target: &str, transport: &str, phase: &str) -> String {
    let time = |percentile| milliseconds(figures, target, transport, phase, percentile);
    match (time(10), time(50), time(90)) {
        (Some(low), Some(median), Some(high)) => format!("{median} ms ({low}–{high})"),
        _ => String::new(),
    }
}

fn milliseconds(
    figures: &LambdaFigures,
    target: &str,
    transport: &str,
    phase: &str,
    percentile: u8,
) -> Option<String> {
    let row = figures.latency.iter().find(|row| {
        (row.target.as_str(), row.transport.as_str(), row.phase.as_str(), row.percentile)
            == (target, transport, phase, percentile)
    })?;
    let time = row.milliseconds;
    Some(if time < 10.0 { format!("{time:.2}") } else { format!("{time:.0}") })
}

fn megabytes(figures: &LambdaFigures, target: &str, measure: &str) -> String {
    let row = figures.sizes.iter().find(|row| row.target == target && row.measure == measure);
    row.map(|row| format!("{:.1} MB", row.megabytes)).unwrap_or_default()
}

/// Returns one row for consecutive goals of the same kind and limit.
fn goals(goals: &[LambdaGoal]) -> String {
    let mut table = Table::new(&["goal", "limit", "measured", "met"]);
    for same in goals.chunk_by(|one, next| one.goal == next.goal && one.limit == next.limit) {
        let first = &same[0];
        let measured: Vec<_> = same
            .iter()
            .map(|goal| format!("{} {}", goal.subject, amount(goal.measured, &goal.unit)))
            .collect();
        let met = if same.iter().all(|goal| goal.met == "yes") { "yes" } else { "**no**" };
        table.push(&[
            first.goal.clone(),
            format!("{} {}", first.bound, amount(first.limit, &first.unit)),
            measured.join("; "),
            met.to_owned(),
        ]);
    }
    table.into_markdown()
}

fn amount(value: f64, unit: &str) -> String {
    match unit {
        "x" => format!("{value:.1}x"),
        "MB" => format!("{value:.1} MB"),
        _ => format!("{value:.2} {unit}"),
    }
}

fn warm_ratios(figures: &LambdaFigures) -> String {
    let mut table = Table::new(&[
        "warm p50 relative to order-service",
        "whole time",
        "if order-service were as fast as the baseline",
        "time above the baseline",
    ]);
    for ratio in &figures.warm_ratios {
        table.push(&[
            ratio.target.clone(),
            format!("{:.1}x", ratio.whole_time),
            format!("{:.1}x", ratio.order_service_at_baseline),
            format!("{:.1}x", ratio.above_baseline),
        ]);
    }
    table.into_markdown()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

    #[test]
    fn the_performance_page_has_the_published_figures() {
        let docs = Path::new(DOCS);
        let figures = LambdaFigures::read(&docs.join("data")).unwrap();
        let page = std::fs::read_to_string(docs.join("performance.md")).unwrap();
        assert!(page.contains(summary(&figures).trim_end()), "run `bench report`");
    }
}
