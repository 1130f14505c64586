//! The drawing area of a chart and its text styles.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont as _, RGBColor, TextStyle};

/// The area that a chart is drawn on.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// The result of drawing.
pub(crate) type DrawResult = Result<(), Box<dyn Error>>;

/// Returns a text style with this alignment.
pub(crate) fn text(size: i32, color: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color).pos(Pos::new(horizontal, VPos::Center))
}
