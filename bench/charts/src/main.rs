//! Draws the charts of the documents from `docs/data/*.csv`.

fn main() {}
