//! A chart of latency distributions.

use figures::rows::LoadLatency;

use crate::line_chart::{Axis, Line, LineChart};

/// Ticks of the axis of latencies.
const MILLISECONDS: [f64; 6] = [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0];

/// Returns a chart with a line for each kind of request. The rows of a kind follow each other.
#[must_use]
pub fn latency_chart(title: &'static str, rows: &[LoadLatency]) -> LineChart {
    let slowest = f64::from(rows.iter().map(|row| row.latency_ms).max().unwrap_or_default());
    let below = MILLISECONDS.iter().filter(|tick| **tick < slowest).count();
    // A logarithmic axis has no zero.
    let point = |row: &LoadLatency| (f64::from(row.one_in), f64::from(row.latency_ms.max(1)));
    let kinds = rows.chunk_by(|one, next| one.request == next.request).enumerate();
    let lines = kinds.map(|(color, kind)| Line {
        label: kind[0].request.clone(),
        color,
        points: kind.iter().map(point).collect(),
    });
    LineChart {
        title,
        x_axis: Axis { label: "one request in this many is slower", ticks: vec![2.0, 10.0, 100.0, 1000.0] },
        y_axis: Axis { label: "ms", ticks: MILLISECONDS.into_iter().take(below.max(1) + 1).collect() },
        lines: lines.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_reaches_the_slowest_request() {
        let ticks = |latency| {
            let row = |(one_in, latency_ms)| LoadLatency { request: "order".to_owned(), one_in, latency_ms };
            latency_chart("Latency", &[(2, 0), (10, latency)].map(row)).y_axis.ticks
        };
        assert_eq!(ticks(5), [1.0, 10.0]);
        assert_eq!(ticks(150), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(latency_chart("Latency", &[]).y_axis.ticks, [1.0, 10.0]);
    }
}
