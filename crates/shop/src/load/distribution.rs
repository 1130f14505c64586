//! The distribution of the latencies of a load, as CSV and as a chart.

use std::error::Error;

use charts::chart::{Chart, ChartKind};
use charts::latency_chart::latency_chart;
use charts::theme::LIGHT;

use super::report::LoadReport;

/// Returns the distribution as CSV.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn to_csv(report: &LoadReport) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for quantile in &report.distribution {
        writer.serialize(quantile)?;
    }
    Ok(writer.into_inner()?)
}

/// Returns the distribution as an SVG document.
///
/// # Errors
/// If the chart cannot be drawn.
pub fn to_svg(report: &LoadReport) -> Result<String, Box<dyn Error>> {
    let chart = latency_chart("Latency of requests", &report.distribution);
    Chart { name: "load", kind: ChartKind::Lines(chart) }.draw(&LIGHT)
}

#[cfg(test)]
mod tests {
    use super::super::results::Results;
    use super::*;
    use crate::load::mix::RequestKind;
    use std::time::Duration;

    fn report() -> LoadReport {
        let mut results = Results::new().unwrap();
        (1..=100).for_each(|n| results.record(RequestKind::Order, Duration::from_millis(n)));
        (1..=100).for_each(|n| results.record_decision(true, Duration::from_millis(2 * n)));
        LoadReport::of("test", 10, 10, &results, 0)
    }

    #[test]
    fn the_csv_has_a_row_for_each_kind_and_quantile() {
        let csv = String::from_utf8(to_csv(&report()).unwrap()).unwrap();
        let rows: Vec<_> = csv.lines().collect();
        assert_eq!((rows.len(), rows[0], rows[1]), (13, "request,one_in,latency_ms", "order,2,50"));
        assert!(rows.contains(&"placed to decided,10,180"), "{csv}");
    }

    #[test]
    fn the_chart_has_a_line_for_each_kind() {
        let svg = to_svg(&report()).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("order") && svg.contains("placed to decided"));
        assert!(to_svg(&LoadReport::of("test", 1, 1, &Results::new().unwrap(), 0)).is_ok());
    }
}
