//! Charts as SVG documents, in a light and a dark theme.

pub mod bar_chart;
mod canvas;
pub mod chart;
pub mod latency_chart;
pub mod line_chart;
pub mod theme;
