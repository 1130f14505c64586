//! Tables in Markdown.

/// A table in Markdown.
#[derive(Debug)]
pub struct Table(String);

impl Table {
    /// Starts a table with the names of its columns.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        let rule = vec!["---"; columns.len()].join(" | ");
        Self(format!("| {} |\n| {rule} |\n", columns.join(" | ")))
    }

    /// Adds a row.
    pub fn push(&mut self, cells: &[String]) {
        self.0.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    /// Returns the Markdown text, which ends with a newline.
    #[must_use]
    pub fn into_markdown(self) -> String {
        self.0
    }
}
