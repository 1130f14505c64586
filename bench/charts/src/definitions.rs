//! The charts, built from the figures.

use std::path::Path;

use ::charts::bar_chart::{Bar, BarChart, Segment};
use ::charts::chart::{Chart, ChartKind};
use ::charts::latency_chart::latency_chart;
use ::charts::line_chart::{Axis, Line, LineChart};
use figures::FiguresError;
use figures::rows::{
    HotProductLatency, HotProductThroughput, LambdaGoal, LambdaLatency, LambdaWarmRatio, RelayWindow,
    ServiceCost,
};

const LOAD_TITLE: &str = "Latency at 20 requests a second on the local AWS";

/// Reads the data and returns every chart.
pub(crate) fn charts(data: &Path) -> Result<Vec<Chart>, FiguresError> {
    let throughput = figures::read(&data.join("hot-product-throughput.csv"))?;
    let latency = figures::read(&data.join("hot-product-latency.csv"))?;
    let lambda = figures::read(&data.join("lambda-latency.csv"))?;
    let goals = figures::read(&data.join("lambda-goals.csv"))?;
    let warm_ratios = figures::read(&data.join("lambda-warm-ratio.csv"))?;
    let cost = figures::read(&data.join("cost-by-service.csv"))?;
    let windows = figures::read(&data.join("cost-relay-windows.csv"))?;
    let load = figures::read(&data.join("load-latency.csv"))?;
    Ok(vec![
        Chart { name: "hot-product-throughput", kind: ChartKind::Lines(hot_product_throughput(&throughput)) },
        Chart { name: "hot-product-latency", kind: ChartKind::Lines(hot_product_latency(&latency)) },
        Chart {
            name: "lambda-latency",
            kind: ChartKind::Bars(lambda_latency(&lambda, &goals, &warm_ratios)),
        },
        Chart { name: "cost-by-service", kind: ChartKind::Bars(vec![cost_by_service(&cost)]) },
        Chart { name: "cost-relay-windows", kind: ChartKind::Lines(relay_windows(&windows)) },
        Chart { name: "load-latency", kind: ChartKind::Lines(latency_chart(LOAD_TITLE, &load)) },
    ])
}

/// The simulated designs, in the order of their colors.
const DESIGNS: [&str; 6] =
    ["transaction", "4 stripes", "16 stripes", "single item", "batches of 10", "batches of 99"];

/// Returns the line of a design. All variants of a design have the same color.
fn line(design: &str, points: Vec<(f64, f64)>) -> Line {
    let color = DESIGNS.iter().position(|name| design.starts_with(name)).unwrap_or(DESIGNS.len());
    Line { label: design.to_owned(), color, points }
}

fn hot_product_throughput(rows: &[HotProductThroughput]) -> LineChart {
    let point = |row: &HotProductThroughput| (row.concurrency as f64, row.confirmed_per_second);
    let designs = rows.chunk_by(|one, next| one.design == next.design);
    // The variants with a limited number of pollers have the same figures.
    let designs = designs.filter(|rows| !rows[0].design.ends_with("pollers)"));
    LineChart {
        title: "Confirmed orders per second of one product",
        x_axis: Axis { label: "concurrent invocations", ticks: vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0] },
        y_axis: Axis { label: "orders/s", ticks: vec![50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0] },
        lines: designs.map(|rows| line(&rows[0].design, rows.iter().map(point).collect())).collect(),
    }
}

fn hot_product_latency(rows: &[HotProductLatency]) -> LineChart {
    let point = |row: &HotProductLatency| (row.orders_per_second, row.median_ms as f64);
    let designs = rows.chunk_by(|one, next| one.design == next.design);
    LineChart {
        title: "Median time from event to confirmed order",
        x_axis: Axis {
            label: "orders/s of one product",
            ticks: vec![1.0, 10.0, 100.0, 300.0, 1000.0, 3000.0],
        },
        y_axis: Axis { label: "ms", ticks: vec![10.0, 100.0, 1000.0, 10_000.0, 30_000.0] },
        lines: designs.map(|rows| line(&rows[0].design, rows.iter().map(point).collect())).collect(),
    }
}

/// The targets of the chart, each with the index of its color.
const TARGETS: [(&str, usize); 5] = [
    ("order-service", 0),
    ("Rust (SDK defaults)", 3),
    ("Node.js (AWS SDK v3, bundled)", 1),
    ("Python (boto3)", 2),
    ("DynamoDB requests without Lambda", 6),
];

fn lambda_latency(
    rows: &[LambdaLatency],
    goals: &[LambdaGoal],
    warm_ratios: &[LambdaWarmRatio],
) -> Vec<BarChart> {
    let cold_ratio = |target: &str| {
        let cold = |row: &&LambdaGoal| row.goal == "cold start relative to order-service";
        goals.iter().filter(cold).find(|row| row.subject == target).map(|row| row.measured)
    };
    let warm_ratio =
        |target: &str| warm_ratios.iter().find(|row| row.target == target).map(|row| row.whole_time);
    let chart = |title, phase: &str, ratio: &dyn Fn(&str) -> Option<f64>| {
        let mut bars = Vec::new();
        for (target, color) in TARGETS {
            let measured = rows.iter().find(|row| {
                (row.target.as_str(), row.transport.as_str(), row.phase.as_str(), row.percentile)
                    == (target, "http", phase, 50)
            });
            if let Some(LambdaLatency { milliseconds, .. }) = measured {
                let time = if *milliseconds < 10.0 {
                    format!("{milliseconds:.2} ms")
                } else {
                    format!("{milliseconds:.0} ms")
                };
                bars.push(Bar {
                    label: target.to_owned(),
                    segments: vec![Segment { length: *milliseconds, color }],
                    value: ratio(target).map_or(time.clone(), |ratio| format!("{time} ({ratio:.1}x)")),
                });
            }
        }
        BarChart { title, legend: Vec::new(), bars }
    };
    vec![
        chart("Cold start, median", "cold_start", &cold_ratio),
        chart("Warm invocation, median", "warm_invocation", &warm_ratio),
    ]
}

fn cost_by_service(rows: &[ServiceCost]) -> BarChart {
    let mut legend: Vec<String> = Vec::new();
    for row in rows {
        if !legend.contains(&row.service) {
            legend.push(row.service.clone());
        }
    }
    let mut bars = Vec::new();
    for rows in rows.chunk_by(|one, next| one.design == next.design) {
        let mut segments = Vec::new();
        for (color, service) in legend.iter().enumerate() {
            let costs = rows.iter().filter(|row| row.service == *service);
            segments.push(Segment { length: costs.map(|row| row.dollars_per_million_orders).sum(), color });
        }
        let total: f64 = segments.iter().map(|segment| segment.length).sum();
        bars.push(Bar { label: rows[0].design.clone(), segments, value: format!("${total:.2}") });
    }
    BarChart { title: "US dollars per million orders", legend, bars }
}

fn relay_windows(rows: &[RelayWindow]) -> LineChart {
    // From here on, windows of different lengths fill the same batches.
    let rows: Vec<_> = rows.iter().filter(|row| row.events_per_second < 100.0).cloned().collect();
    let windows = rows.chunk_by(|one, next| one.window_seconds == next.window_seconds).enumerate();
    let point = |row: &RelayWindow| (row.events_per_second, 1000.0 * row.dollars_per_million_events);
    let line = |(color, rows): (usize, &[RelayWindow])| Line {
        label: format!("window of {} s", rows[0].window_seconds),
        color,
        points: rows.iter().map(point).collect(),
    };
    LineChart {
        title: "Lambda cents per ten million published events",
        x_axis: Axis { label: "events/s of one shard", ticks: vec![1.0, 3.0, 10.0, 30.0] },
        y_axis: Axis { label: "cents", ticks: vec![3.0, 10.0, 30.0, 100.0, 300.0] },
        lines: windows.map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_services_of_each_design() {
        let cost = |design: &str, service: &str, dollars| ServiceCost {
            design: design.to_owned(),
            service: service.to_owned(),
            dollars_per_million_orders: dollars,
        };
        let chart = cost_by_service(&[cost("a", "x", 1.0), cost("a", "y", 2.5), cost("b", "y", 2.0)]);
        assert_eq!(chart.legend, ["x", "y"]);
        let values: Vec<_> = chart.bars.iter().map(|bar| (bar.label.as_str(), bar.value.as_str())).collect();
        assert_eq!(values, [("a", "$3.50"), ("b", "$2.00")]);
        assert_eq!(chart.bars[1].segments[0].length, 0.0, "a design without a service");
    }

    #[test]
    fn variants_of_a_design_have_the_same_color() {
        assert_eq!(
            line("batches of 99 (2 pollers)", Vec::new()).color,
            line("batches of 99", Vec::new()).color
        );
    }
}
