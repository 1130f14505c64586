//! A named chart of any kind.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont as _, RGBColor, TextStyle};

use crate::bar_chart::BarChart;
use crate::line_chart::LineChart;
use crate::theme::Theme;

/// The width of every chart in pixels.
const WIDTH: u32 = 800;

/// The area that a chart is drawn on.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// The result of drawing.
pub(crate) type DrawResult = Result<(), Box<dyn Error>>;

/// A chart with the name of its files.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) name: &'static str,
    pub(crate) kind: ChartKind,
}

/// The content of a chart.
#[derive(Debug)]
pub(crate) enum ChartKind {
    Lines(LineChart),
    /// Bar charts one below the other.
    Bars(Vec<BarChart>),
}

impl Chart {
    /// Draws the chart as an SVG document.
    pub(crate) fn draw(&self, theme: &Theme) -> Result<String, Box<dyn Error>> {
        let mut svg = String::new();
        {
            let height = match &self.kind {
                ChartKind::Lines(_) => LineChart::HEIGHT,
                ChartKind::Bars(charts) => charts.iter().map(BarChart::height).sum(),
            };
            let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            root.fill(&theme.background)?;
            match &self.kind {
                ChartKind::Lines(chart) => chart.draw(&root, theme)?,
                ChartKind::Bars(charts) => {
                    let mut rest = root.clone();
                    for chart in charts {
                        let (area, below) = rest.split_vertically(chart.height());
                        chart.draw(&area, theme)?;
                        rest = below;
                    }
                }
            }
            root.present()?;
        }
        Ok(svg)
    }
}

/// Returns a text style with this alignment.
pub(crate) fn text(size: i32, color: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color).pos(Pos::new(horizontal, VPos::Center))
}
