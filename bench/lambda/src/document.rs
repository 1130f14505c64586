//! The part of a document that is written by a program.

use std::fs;
use std::io;
use std::path::Path;

const BEGIN: &str = "<!-- Written by `make bench` from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Replaces what stands between both markers of a document.
pub(crate) fn rewrite(document: &Path, figures: &str) -> io::Result<()> {
    let text = fs::read_to_string(document)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let missing = || io::Error::other(format!("{} lacks the markers of the figures", document.display()));
    let (before, after) = parts.ok_or_else(missing)?;
    fs::write(document, format!("{before}{BEGIN}\n{figures}\n{END}{after}"))
}
