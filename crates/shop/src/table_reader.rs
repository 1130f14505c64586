//! Consistent reads of tables at a bounded rate.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, ReturnConsumedCapacity};
use dynamodb::Item;
use indicatif::ProgressBar;

use crate::rate_limit::RateLimit;

/// Read units per second that a command uses by default: 4 MB/s, which throttles no order.
pub(crate) const DEFAULT_UNITS_PER_SECOND: u32 = 500;

/// A read that failed.
#[derive(Debug, thiserror::Error)]
#[error("table {table}: {reason}")]
pub struct ReadError {
    table: String,
    reason: String,
}

/// A reader with a progress bar.
#[derive(Debug)]
pub(crate) struct TableReader {
    client: Client,
    limit: RateLimit,
    progress: ProgressBar,
}

impl TableReader {
    pub(crate) fn new(config: &SdkConfig, units_per_second: u32) -> Self {
        Self {
            client: Client::new(config),
            limit: RateLimit::new(units_per_second),
            progress: ProgressBar::new_spinner().with_message("items read"),
        }
    }

    /// Reads an item.
    pub(crate) async fn get(
        &mut self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Result<Option<Item>, ReadError> {
        self.limit.wait().await;
        let request = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        let response = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let response = response.map_err(|error| failed(table, error))?;
        self.record(response.consumed_capacity());
        Ok(response.item)
    }

    /// Reads all items of a table.
    pub(crate) async fn scan(&mut self, table: &str, mut add: impl FnMut(&Item)) -> Result<(), ReadError> {
        let mut start = None;
        loop {
            self.limit.wait().await;
            let request = self.client.scan().table_name(table).consistent_read(true);
            let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let response = request.set_exclusive_start_key(start).send().await;
            let response = response.map_err(|error| failed(table, error))?;
            self.record(response.consumed_capacity());
            response.items().iter().for_each(&mut add);
            self.progress.inc(u64::try_from(response.items().len()).unwrap_or_default());
            start = response.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    fn record(&mut self, used: Option<&ConsumedCapacity>) {
        self.limit.record(used.and_then(ConsumedCapacity::capacity_units).unwrap_or(1.0));
    }
}

impl Drop for TableReader {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}

fn failed(table: &str, error: impl std::error::Error) -> ReadError {
    ReadError { table: table.to_owned(), reason: DisplayErrorContext(error).to_string() }
}

/// Returns the key of an item, or an empty text if it is not a text.
pub(crate) fn key_of(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}
