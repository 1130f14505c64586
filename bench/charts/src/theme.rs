//! The colors of the light and the dark theme.

use plotters::style::RGBColor;

/// The colors of a chart. Text and series have a contrast of at least 4.5:1
/// with the background.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    /// Name in file names.
    pub name: &'static str,
    /// Background of the page.
    pub background: RGBColor,
    /// Text and titles.
    pub text: RGBColor,
    /// Lines of the grid.
    pub grid: RGBColor,
    /// Lines and bars, by index.
    pub series: [RGBColor; 7],
}

/// Colors for a white page.
pub const LIGHT: Theme = Theme {
    name: "light",
    background: RGBColor(0xff, 0xff, 0xff),
    text: RGBColor(0x1f, 0x23, 0x28),
    grid: RGBColor(0xd1, 0xd9, 0xe0),
    series: [
        RGBColor(0x09, 0x69, 0xda),
        RGBColor(0xbc, 0x4c, 0x00),
        RGBColor(0x1a, 0x7f, 0x37),
        RGBColor(0x82, 0x50, 0xdf),
        RGBColor(0xcf, 0x22, 0x2e),
        RGBColor(0x1b, 0x7c, 0x83),
        RGBColor(0x59, 0x63, 0x6e),
    ],
};

/// Colors for a dark page.
pub const DARK: Theme = Theme {
    name: "dark",
    background: RGBColor(0x0d, 0x11, 0x17),
    text: RGBColor(0xf0, 0xf6, 0xfc),
    grid: RGBColor(0x3d, 0x44, 0x4d),
    series: [
        RGBColor(0x58, 0xa6, 0xff),
        RGBColor(0xf0, 0x88, 0x3e),
        RGBColor(0x3f, 0xb9, 0x50),
        RGBColor(0xbc, 0x8c, 0xff),
        RGBColor(0xff, 0x7b, 0x72),
        RGBColor(0x39, 0xc5, 0xcf),
        RGBColor(0x91, 0x98, 0xa1),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the contrast ratio of WCAG 2: <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>
    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |RGBColor(r, g, b)| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn text_and_series_are_readable() {
        for theme in [LIGHT, DARK] {
            for color in theme.series.into_iter().chain([theme.text]) {
                assert!(contrast(color, theme.background) >= 4.5, "{} {color:?}", theme.name);
            }
        }
    }
}
