//! Consistent reads of the tables at a bounded rate.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::ProductId;
use dynamodb::attribute::PRODUCT_ID;
use dynamodb::{Item, key, text};
use indicatif::ProgressBar;

use super::state::State;
use crate::rate_limit::RateLimit;
use crate::stack::{Stack, Tables};

/// A read that failed.
#[derive(Debug, thiserror::Error)]
#[error("table {table}: {reason}")]
pub struct ReadError {
    table: String,
    reason: String,
}

/// A reader of the tables of a stack.
pub(super) struct Reader {
    client: Client,
    tables: Tables,
    limit: RateLimit,
    progress: ProgressBar,
}

impl Reader {
    pub(super) fn new(stack: &Stack, units_per_second: u32) -> Self {
        Self {
            client: Client::new(&stack.config),
            tables: stack.tables.clone(),
            limit: RateLimit::new(units_per_second),
            progress: ProgressBar::new_spinner().with_message("items read"),
        }
    }

    /// Reads all tables.
    pub(super) async fn read_state(&mut self) -> Result<State, ReadError> {
        let mut state = State::default();
        let Tables { orders, customers, products, inventory } = self.tables.clone();
        self.scan(&inventory, |item| state.add_inventory(item)).await?;
        self.scan(&orders, |item| state.add_order(item)).await?;
        self.scan(&products, |item| state.add_product(item)).await?;
        self.scan(&customers, |item| state.add_customer(item)).await?;
        Ok(state)
    }

    /// Reads the revision of the stock item of each product, if there is one.
    pub(super) async fn read_revisions(
        &mut self,
        products: &BTreeSet<ProductId>,
    ) -> Result<BTreeMap<ProductId, Option<u64>>, ReadError> {
        let mut revisions = BTreeMap::new();
        for product in products {
            self.limit.wait().await;
            let request = self
                .client
                .get_item()
                .table_name(&self.tables.inventory)
                .set_key(Some(key(PRODUCT_ID, text(product))))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let response = request.send().await.map_err(|error| ReadError {
                table: self.tables.inventory.clone(),
                reason: DisplayErrorContext(error).to_string(),
            })?;
            self.limit
                .record(response.consumed_capacity().and_then(|used| used.capacity_units()).unwrap_or(1.0));
            let stock = response.item().and_then(|item| dynamodb::decode_stock(item).ok());
            revisions.insert(product.clone(), stock.map(|stock| stock.revision));
        }
        Ok(revisions)
    }

    async fn scan(&mut self, table: &str, mut add: impl FnMut(&Item)) -> Result<(), ReadError> {
        let mut start: Option<HashMap<_, _>> = None;
        loop {
            self.limit.wait().await;
            let request = self
                .client
                .scan()
                .table_name(table)
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .set_exclusive_start_key(start);
            let response = request.send().await.map_err(|error| ReadError {
                table: table.to_owned(),
                reason: DisplayErrorContext(error).to_string(),
            })?;
            self.limit
                .record(response.consumed_capacity().and_then(|used| used.capacity_units()).unwrap_or(1.0));
            response.items().iter().for_each(&mut add);
            self.progress.inc(u64::try_from(response.items().len()).unwrap_or_default());
            start = response.last_evaluated_key().cloned();
            if start.is_none() {
                return Ok(());
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}
