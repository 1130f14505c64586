//! `shop audit`: proves that orders, stock and the ledger of a stack agree.
//!
//! DynamoDB has no snapshot of several tables. One consistent read decides each rule about a single item.
//! The stock of a product involves several items, which may change while they are read. Each change
//! of stock increases the revision of its stock item in the same transaction, so a product is decided if
//! its revision was the same before and after its items were read. The audit reads the remaining products
//! again.

mod checks;
mod finding;
mod reader;
mod report;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use domain::ProductId;
use lambda::clock::now;
use tokio::time::sleep;

pub use finding::{Finding, Rule};
pub use report::Report;

use crate::stack::Stack;
use crate::table_reader::{DEFAULT_UNITS_PER_SECOND, ReadError};
use reader::Reader;
use state::State;

/// Time before changing products are read again.
const PAUSE: Duration = Duration::from_secs(1);

/// Options of `shop audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditOptions {
    /// Maximum read units per second
    #[arg(long, value_name = "UNITS", default_value_t = DEFAULT_UNITS_PER_SECOND, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Age in seconds at which an event that is not applied counts as stuck
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub stuck: u64,
    /// Maximum number of passes over the tables
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..))]
    pub passes: u32,
}

/// Audits a stack.
///
/// # Errors
/// If a table cannot be read.
pub async fn run(stack: &Stack, options: &AuditOptions) -> Result<Report, ReadError> {
    let mut reader = Reader::new(stack, options.rate);
    // Products that differed in a pass. The first pass knows no revisions, so it decides only that a product agrees.
    let mut suspects = BTreeSet::new();
    let mut pass = 1;
    loop {
        let before = reader.read_revisions(&suspects).await?;
        let state = reader.read_state().await?;
        let differing = state.differing_products();
        let after = reader.read_revisions(&differing).await?;
        suspects.extend(differing.iter().cloned());
        let undecided: BTreeSet<_> =
            differing.into_iter().filter(|product| !is_unchanged(product, &before, &after)).collect();
        if undecided.is_empty() || pass == options.passes {
            return Ok(report(stack, &state, undecided, pass, options));
        }
        pass += 1;
        sleep(PAUSE).await;
    }
}

fn is_unchanged(
    product: &ProductId,
    before: &BTreeMap<ProductId, Option<u64>>,
    after: &BTreeMap<ProductId, Option<u64>>,
) -> bool {
    before.get(product).is_some_and(|revision| after.get(product) == Some(revision))
}

fn report(
    stack: &Stack,
    state: &State,
    undecided: BTreeSet<ProductId>,
    passes: u32,
    options: &AuditOptions,
) -> Report {
    let mut findings = checks::check(state, now(), Duration::from_secs(options.stuck));
    findings.retain(|finding| !(finding.rule.concerns_several_items() && is_about(finding, &undecided)));
    Report {
        stack: stack.name.clone(),
        orders: state.orders.len(),
        products: state.stock.len(),
        ledger_entries: state.ledger.len(),
        passes,
        undecided_products: undecided.iter().map(ToString::to_string).collect(),
        findings,
    }
}

fn is_about(finding: &Finding, products: &BTreeSet<ProductId>) -> bool {
    products.iter().any(|product| product.as_str() == finding.id)
}
