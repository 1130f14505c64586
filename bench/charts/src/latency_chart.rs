//! A chart of latency distributions.

use crate::line_chart::{Axis, Line, LineChart};

/// Ticks of the axis of latencies.
const MILLISECONDS: [f64; 6] = [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0];

/// The distribution of the latencies of one kind of request.
#[derive(Debug)]
pub struct Distribution {
    /// Kind of request.
    pub name: String,
    /// Pairs: one request in this many is slower than this many milliseconds.
    pub points: Vec<(u32, u32)>,
}

/// Returns a chart with a line for each distribution.
#[must_use]
pub fn latency_chart(title: &'static str, distributions: Vec<Distribution>) -> LineChart {
    let latencies = distributions.iter().flat_map(|each| each.points.iter().map(|(_, latency)| *latency));
    let slowest = f64::from(latencies.max().unwrap_or_default());
    let below = MILLISECONDS.iter().filter(|tick| **tick < slowest).count();
    let lines = distributions.into_iter().enumerate().map(|(color, Distribution { name, points })| {
        // A logarithmic axis has no zero.
        let points =
            points.into_iter().map(|(one_in, latency)| (f64::from(one_in), f64::from(latency.max(1))));
        Line { label: name, color, points: points.collect() }
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
            let distribution = Distribution { name: "order".to_owned(), points: vec![(2, 0), (10, latency)] };
            latency_chart("Latency", vec![distribution]).y_axis.ticks
        };
        assert_eq!(ticks(5), [1.0, 10.0]);
        assert_eq!(ticks(150), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(latency_chart("Latency", Vec::new()).y_axis.ticks, [1.0, 10.0]);
    }
}
