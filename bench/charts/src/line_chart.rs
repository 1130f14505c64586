//! A line chart with logarithmic axes and a label at the end of each line.

use plotters::chart::ChartBuilder;
use plotters::coord::combinators::{BindKeyPoints as _, IntoLogRange as _};
use plotters::element::{Circle, EmptyElement, Text};
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color as _, IntoFont as _};

use crate::canvas::{Area, DrawResult, text};
use crate::theme::Theme;

/// The factor between the end of an axis and its last tick.
const PADDING: f64 = 1.15;

/// A line chart.
#[derive(Debug)]
pub(crate) struct LineChart {
    pub(crate) title: &'static str,
    pub(crate) x_axis: Axis,
    pub(crate) y_axis: Axis,
    pub(crate) lines: Vec<Line>,
}

/// A logarithmic axis, a little longer than from its first to its last tick.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) ticks: Vec<f64>,
}

/// A line with its label.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    /// The index of the color in the theme.
    pub(crate) color: usize,
    pub(crate) points: Vec<(f64, f64)>,
}

impl LineChart {
    /// The height in pixels.
    pub(crate) const HEIGHT: u32 = 440;

    /// Draws the chart.
    pub(crate) fn draw(&self, area: &Area<'_>, theme: &Theme) -> DrawResult {
        let [x_range, y_range] = [&self.x_axis, &self.y_axis].map(|axis| {
            let (first, last) = (axis.ticks[0], axis.ticks[axis.ticks.len() - 1]);
            (first / PADDING..last * PADDING).log_scale().with_key_points(axis.ticks.clone())
        });
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 20).into_font().color(&theme.text))
            .margin(12)
            .margin_right(190)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(x_range, y_range)?;
        chart
            .configure_mesh()
            .x_desc(self.x_axis.label)
            .y_desc(self.y_axis.label)
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .label_style(("sans-serif", 16).into_font().color(&theme.text))
            .axis_desc_style(("sans-serif", 17).into_font().color(&theme.text))
            .axis_style(theme.grid)
            .bold_line_style(theme.grid)
            .light_line_style(theme.background)
            .draw()?;
        for line in &self.lines {
            let color = theme.series[line.color];
            chart.draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(3)))?;
            chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
            let label = |end: &(f64, f64)| {
                EmptyElement::at(*end) + Text::new(line.label.clone(), (12, 0), text(17, color, HPos::Left))
            };
            chart.draw_series(line.points.last().map(label))?;
        }
        Ok(())
    }
}

/// Formats a whole number with thousands separators.
fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { tail.to_owned() } else { format!("{head},{tail}") }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn separates_thousands() {
        assert_eq!([1.0, 64.0, 500.0, 5000.0, 30_000.0].map(number), ["1", "64", "500", "5,000", "30,000"]);
    }
}
