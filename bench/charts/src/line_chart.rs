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

/// The height of a label in pixels.
const LABEL_HEIGHT: i32 = 18;

/// A line chart.
#[derive(Debug)]
pub struct LineChart {
    /// Title.
    pub title: &'static str,
    /// Horizontal axis.
    pub x_axis: Axis,
    /// Vertical axis.
    pub y_axis: Axis,
    /// Lines.
    pub lines: Vec<Line>,
}

/// A logarithmic axis, a little longer than from its first to its last tick.
#[derive(Debug)]
pub struct Axis {
    /// Label of the axis.
    pub label: &'static str,
    /// Labeled values, ascending.
    pub ticks: Vec<f64>,
}

/// A line with its label.
#[derive(Debug)]
pub struct Line {
    /// Text at the end of the line.
    pub label: String,
    /// The index of the color in the theme.
    pub color: usize,
    /// Points, from left to right.
    pub points: Vec<(f64, f64)>,
}

impl LineChart {
    /// The height in pixels.
    pub const HEIGHT: u32 = 440;

    /// Draws the chart.
    pub fn draw(&self, area: &Area<'_>, theme: &Theme) -> DrawResult {
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
        }
        let ends: Vec<_> = self.lines.iter().filter_map(|line| Some((line, *line.points.last()?))).collect();
        let heights: Vec<_> = ends.iter().map(|(_, end)| chart.backend_coord(end).1).collect();
        for ((line, end), offset) in ends.into_iter().zip(label_offsets(&heights)) {
            let style = text(17, theme.series[line.color], HPos::Left);
            let label = EmptyElement::at(end) + Text::new(line.label.clone(), (12, offset), style);
            chart.draw_series([label])?;
        }
        Ok(())
    }
}

/// Returns for each label how far it moves down from the end of its line, so that no two labels overlap.
fn label_offsets(heights: &[i32]) -> Vec<i32> {
    let mut by_height: Vec<_> = (0..heights.len()).collect();
    by_height.sort_by_key(|index| heights[*index]);
    let mut offsets = vec![0; heights.len()];
    let mut next_free = i32::MIN;
    for index in by_height {
        let height = heights[index].max(next_free);
        offsets[index] = height - heights[index];
        next_free = height + LABEL_HEIGHT;
    }
    offsets
}

/// Formats a whole number with thousands separators.
fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { tail.to_owned() } else { format!("{head},{tail}") }
}

#[cfg(test)]
mod tests {
    use super::{label_offsets, number};

    #[test]
    fn labels_move_down_until_they_do_not_overlap() {
        assert_eq!(label_offsets(&[100, 50, 104, 106]), [0, 0, 14, 30]);
        assert_eq!(label_offsets(&[]), [0; 0]);
    }

    #[test]
    fn separates_thousands() {
        assert_eq!([1.0, 64.0, 500.0, 5000.0, 30_000.0].map(number), ["1", "64", "500", "5,000", "30,000"]);
    }
}
