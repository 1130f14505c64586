//! Draws the charts of the documents: `charts [--check]`.
//!
//! Reads `docs/data/*.csv` and writes `docs/charts/NAME-light.svg` and
//! `docs/charts/NAME-dark.svg`. With `--check` it writes nothing and fails if a
//! file differs from its data. Run it from the root of the project.

mod definitions;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use ::charts::theme::{DARK, LIGHT};

use crate::definitions::charts;

const CHARTS: &str = "docs/charts";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => write(),
        ["--check"] => check(),
        _ => Err("usage: charts [--check]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("charts: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(CHARTS)?;
    for (file, svg) in draw_all(Path::new(figures::DATA))? {
        fs::write(Path::new(CHARTS).join(file), svg)?;
    }
    Ok(())
}

fn check() -> Result<(), Box<dyn Error>> {
    let mut outdated = Vec::new();
    for (file, svg) in draw_all(Path::new(figures::DATA))? {
        let path = Path::new(CHARTS).join(file);
        if fs::read_to_string(&path).ok() != Some(svg) {
            outdated.push(path.display().to_string());
        }
    }
    if outdated.is_empty() {
        return Ok(());
    }
    Err(format!("{} differ from the data; draw the charts again", outdated.join(", ")).into())
}

/// Draws every chart in both themes. Returns pairs of a file name and an SVG document.
fn draw_all(data: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for chart in charts(data)? {
        for theme in [LIGHT, DARK] {
            files.push((format!("{}-{}.svg", chart.name, theme.name), chart.draw(&theme)?));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/data");

    #[test]
    fn draws_the_same_charts_each_time() {
        assert_eq!(draw_all(Path::new(DATA)).unwrap(), draw_all(Path::new(DATA)).unwrap());
    }

    #[test]
    fn draws_each_chart_in_both_themes() {
        let files = draw_all(Path::new(DATA)).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        for chart in charts(Path::new(DATA)).unwrap() {
            for theme in ["light", "dark"] {
                assert!(names.contains(&format!("{}-{theme}.svg", chart.name).as_str()), "{names:?}");
            }
        }
    }
}
