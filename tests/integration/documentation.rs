//! The documentation names files that exist.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Directories whose paths are written in full, in backticks.
const DIRECTORIES: [&str; 7] = ["bench/", "crates/", "docs/", "events/", "fuzz/", "tests/", "tools/"];

/// Returns all pages of the documentation.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for directory in ["", "docs", "docs/decisions"] {
        for entry in fs::read_dir(format!("{ROOT}/{directory}")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// Returns the paths in backticks, without those that have a wildcard or that a program creates.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    let codes = text.split('`').skip(1).step_by(2);
    codes.filter(|code| {
        let is_path = DIRECTORIES.iter().any(|directory| code.starts_with(directory));
        is_path && !code.contains(['*', '{', ' ', '\n']) && !code.contains("proptest-regressions")
    })
}

/// Returns the targets of links to files, without their anchors.
fn linked_paths(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let files = targets.filter(|target| !target.starts_with("http") && !target.starts_with("../../actions/"));
    files.map(|target| target.split('#').next().unwrap()).filter(|target| !target.is_empty())
}

#[test]
fn every_path_in_the_documentation_exists() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let named = named_paths(&text).map(|path| Path::new(ROOT).join(path));
        let linked = linked_paths(&text).map(|path| page.parent().unwrap().join(path));
        for path in named.chain(linked) {
            assert!(path.exists(), "{} names {}", page.display(), path.display());
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} paths found");
}
