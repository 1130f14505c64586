//! The operations guide searches the logs for texts that the functions write.

use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns the texts in the filter patterns of the guide, such as `fn_logs order-service '"answered"'`.
/// Patterns of another form search for lines of Lambda or of the Rust runtime.
fn searched_texts() -> Vec<String> {
    let guide = fs::read_to_string(format!("{ROOT}/docs/operations.md")).unwrap();
    let patterns = guide.lines().filter_map(|line| line.strip_prefix("fn_logs ")?.split_once("'\""));
    patterns.filter_map(|(_, rest)| Some(rest.split_once("\"'")?.0.to_owned())).collect()
}

/// Appends all Rust sources in a directory to `text`.
fn append_sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            append_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_guide_searches_for_texts_that_the_functions_log() {
    let mut sources = String::new();
    for name in ["api", "dynamodb", "inventory-service", "lambda", "order-service", "outbox"] {
        append_sources(Path::new(&format!("{ROOT}/crates/{name}/src")), &mut sources);
    }
    let texts = searched_texts();
    assert!(texts.len() >= 5, "{texts:?}");
    for text in texts {
        assert!(sources.contains(&text), "no function logs {text:?}");
    }
}
