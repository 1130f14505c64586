//! `shop watch`: prints each change of an order's status as it happens.

mod line;

use std::io::{self, Write};

use clap::Args;
use tokio::time::sleep;

use crate::feed::{FeedError, OrderChange, POLL_INTERVAL, Start, TableStream};
use crate::stack::Stack;

/// Options of `shop watch`.
#[derive(Debug, Clone, Default, Args)]
pub struct WatchOptions {
    /// Only orders of this customer
    #[arg(long, value_name = "ID")]
    pub customer: Option<String>,
    /// Only orders of this product
    #[arg(long, value_name = "ID")]
    pub product: Option<String>,
    /// Only this order
    #[arg(long, value_name = "ID")]
    pub order: Option<String>,
    /// Start with the changes of the last 24 hours, which the stream still has
    #[arg(long)]
    pub all: bool,
    /// End after this number of changes
    #[arg(long, value_name = "NUMBER")]
    pub count: Option<usize>,
}

impl WatchOptions {
    /// Returns true if a change passes all filters.
    fn matches(&self, change: &OrderChange) -> bool {
        let Self { customer, product, order, .. } = self;
        customer.as_ref().is_none_or(|customer| *customer == change.customer_id)
            && order.as_ref().is_none_or(|order| *order == change.order_id)
            && product
                .as_ref()
                .is_none_or(|product| change.lines.iter().any(|line| line.product_id == *product))
    }
}

/// A watch that ended.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The stream cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A line cannot be written.
    #[error("output: {0}")]
    Output(#[from] io::Error),
}

/// Prints changes until the program is stopped, or until their number is reached.
///
/// # Errors
/// A [`WatchError`] if the stream cannot be read or a line cannot be written.
pub async fn run(
    stack: &Stack,
    options: &WatchOptions,
    as_json: bool,
    output: &mut impl Write,
) -> Result<(), WatchError> {
    let start = if options.all { Start::Oldest } else { Start::Newest };
    let mut stream = TableStream::open(&stack.config, &stack.tables.orders, start).await?;
    let mut printed = 0;
    loop {
        for change in stream.poll().await? {
            let line = match OrderChange::of(&change) {
                Ok(Some(change)) if options.matches(&change) => {
                    line::format(&change, as_json).map_err(io::Error::from)?
                }
                Ok(_) => continue,
                Err(error) => {
                    eprintln!("shop: an order cannot be read: {error}");
                    continue;
                }
            };
            writeln!(output, "{line}")?;
            printed += 1;
            if options.count == Some(printed) {
                return Ok(());
            }
        }
        output.flush()?;
        sleep(POLL_INTERVAL).await;
    }
}
