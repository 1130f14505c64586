//! A chart of horizontal bars. A bar can have several segments.

use plotters::chart::ChartBuilder;
use plotters::element::{EmptyElement, Rectangle, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::HPos;

use crate::canvas::{Area, DrawResult, text};
use crate::theme::Theme;

const TITLE_HEIGHT: u32 = 44;
const LEGEND_HEIGHT: u32 = 30;
const BAR_HEIGHT: u32 = 32;
const BOTTOM_MARGIN: u32 = 12;

/// A bar chart with a linear scale.
#[derive(Debug)]
pub struct BarChart {
    /// Title.
    pub title: &'static str,
    /// The names of the segments, or nothing if each bar has a single segment.
    pub legend: Vec<String>,
    /// Bars, from top to bottom.
    pub bars: Vec<Bar>,
}

/// A bar with its label on the left and its value on the right.
#[derive(Debug)]
pub struct Bar {
    /// Text on the left.
    pub label: String,
    /// Parts, from left to right.
    pub segments: Vec<Segment>,
    /// Text on the right.
    pub value: String,
}

/// A part of a bar.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// Length on the scale of the chart.
    pub length: f64,
    /// The index of the color in the theme.
    pub color: usize,
}

impl Bar {
    fn length(&self) -> f64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }
}

impl BarChart {
    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.header_height() + BAR_HEIGHT * self.rows() + BOTTOM_MARGIN
    }

    /// Draws the chart.
    pub fn draw(&self, area: &Area<'_>, theme: &Theme) -> DrawResult {
        area.draw(&Text::new(self.title, (16, 24), text(20, theme.text, HPos::Left)))?;
        let (header, bars) = area.split_vertically(self.header_height());
        self.draw_legend(&header, theme)?;
        let longest = self.bars.iter().map(Bar::length).fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(&bars)
            .margin_left(290)
            .margin_right(140)
            .margin_bottom(BOTTOM_MARGIN)
            .build_cartesian_2d(0.0..longest, f64::from(self.rows())..0.0)?;
        for (row, bar) in (0..).map(f64::from).zip(&self.bars) {
            let mut start = 0.0;
            for Segment { length, color } in &bar.segments {
                let corners = [(start, row + 0.15), (start + length, row + 0.85)];
                chart.draw_series([Rectangle::new(corners, theme.series[*color].filled())])?;
                start += length;
            }
            chart.draw_series([EmptyElement::at((0.0, row + 0.5))
                + Text::new(bar.label.clone(), (-10, 0), text(17, theme.text, HPos::Right))])?;
            chart.draw_series([EmptyElement::at((start, row + 0.5))
                + Text::new(bar.value.clone(), (10, 0), text(17, theme.text, HPos::Left))])?;
        }
        Ok(())
    }

    fn header_height(&self) -> u32 {
        TITLE_HEIGHT + if self.legend.is_empty() { 0 } else { LEGEND_HEIGHT }
    }

    fn rows(&self) -> u32 {
        u32::try_from(self.bars.len()).unwrap_or_default()
    }

    fn draw_legend(&self, area: &Area<'_>, theme: &Theme) -> DrawResult {
        let mut x = 16;
        let y = 56;
        for (name, color) in self.legend.iter().zip(theme.series) {
            area.draw(&Rectangle::new([(x, y - 7), (x + 14, y + 7)], color.filled()))?;
            area.draw(&Text::new(name.clone(), (x + 20, y), text(17, theme.text, HPos::Left)))?;
            x += 36 + 9 * i32::try_from(name.len()).unwrap_or_default();
        }
        Ok(())
    }
}
