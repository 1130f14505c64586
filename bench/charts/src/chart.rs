//! A named chart of any kind.

use std::error::Error;

use plotters::prelude::{IntoDrawingArea as _, SVGBackend};

use crate::bar_chart::BarChart;
use crate::line_chart::LineChart;
use crate::theme::Theme;

/// The width of every chart in pixels.
const WIDTH: u32 = 800;

/// A chart with the name of its files.
#[derive(Debug)]
pub struct Chart {
    /// Name of the files, without theme and extension.
    pub name: &'static str,
    /// Content.
    pub kind: ChartKind,
}

/// The content of a chart.
#[derive(Debug)]
pub enum ChartKind {
    /// A line chart.
    Lines(LineChart),
    /// Bar charts one below the other.
    Bars(Vec<BarChart>),
}

impl Chart {
    /// Draws the chart as an SVG document.
    pub fn draw(&self, theme: &Theme) -> Result<String, Box<dyn Error>> {
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
