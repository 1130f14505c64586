//! The report of an audit.

use std::fmt;

use serde::Serialize;

use super::finding::Finding;

/// The result of an audit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Name of the stack.
    pub stack: String,
    /// Orders that were read.
    pub orders: usize,
    /// Stock items that were read.
    pub products: usize,
    /// Entries of the ledger that were read.
    pub ledger_entries: usize,
    /// Times that everything was read.
    pub passes: u32,
    /// Products that differed in each pass and kept changing.
    pub undecided_products: Vec<String>,
    /// Violations, sorted.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Returns 0 for a clean stack, 1 if there are findings, and 2 if products are undecided.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match (self.findings.is_empty(), self.undecided_products.is_empty()) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 0,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { rule, table, id, detail } in &self.findings {
            writeln!(f, "{rule:<27}{table:<11}{id}: {detail}")?;
        }
        for product in &self.undecided_products {
            writeln!(f, "undecided                  Inventory  {product}: keeps changing, audit it again")?;
        }
        let verdict = match self.findings.len() {
            0 if self.undecided_products.is_empty() => "clean".to_owned(),
            0 => "undecided".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        writeln!(
            f,
            "{}: {verdict} ({} orders, {} products, {} ledger entries, {} passes)",
            self.stack, self.orders, self.products, self.ledger_entries, self.passes
        )
    }
}
