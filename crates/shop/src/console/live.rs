//! Keeps the model up to date.

use std::time::Duration;

use dynamodb::Item;
use tokio::time::sleep;

use super::{ConsoleError, Shared};
use crate::feed::{FeedError, POLL_INTERVAL, Start, TableStream};
use crate::stack::Stack;
use crate::table_reader::{DEFAULT_UNITS_PER_SECOND, TableReader};

/// Time between two polls of the local AWS, which has no limit.
const LOCAL_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A reader of the streams of both tables.
pub(super) struct Live {
    orders: TableStream,
    inventory: TableStream,
    interval: Duration,
    shared: Shared,
}

impl Live {
    /// Opens the streams, and then reads the tables, so that no change is missed. A change that happens in between
    /// is applied twice, which changes nothing.
    pub(super) async fn open(stack: &Stack, shared: Shared) -> Result<Self, ConsoleError> {
        let open = async |table: &str| TableStream::open(&stack.config, table, Start::Newest).await;
        let (orders, inventory) = (open(&stack.tables.orders).await?, open(&stack.tables.inventory).await?);
        let mut reader = TableReader::new(&stack.config, DEFAULT_UNITS_PER_SECOND);
        let tables = &stack.tables;
        reader.scan(&tables.products, |item| shared.with_model(|model| model.add_product(item))).await?;
        reader.scan(&tables.customers, |item| shared.with_model(|model| model.add_customer(item))).await?;
        let set_inventory = |item: &Item| {
            shared.with_model(|model| model.set_inventory(item));
        };
        reader.scan(&tables.inventory, set_inventory).await?;
        reader.scan(&tables.orders, |item| shared.with_model(|model| model.set_order(item))).await?;
        let interval = if stack.is_local { LOCAL_POLL_INTERVAL } else { POLL_INTERVAL };
        Ok(Self { orders, inventory, interval, shared })
    }

    /// Applies the changes of the streams. Returns only if a stream cannot be read.
    pub(super) async fn follow(&mut self) -> FeedError {
        loop {
            if let Err(error) = self.poll().await {
                return error;
            }
            sleep(self.interval).await;
        }
    }

    async fn poll(&mut self) -> Result<(), FeedError> {
        let orders = self.orders.poll().await?;
        let inventory = self.inventory.poll().await?;
        if orders.is_empty() && inventory.is_empty() {
            return Ok(());
        }
        self.shared.with_model(|model| {
            orders.iter().for_each(|change| model.apply_order(change));
            inventory.iter().for_each(|change| model.apply_inventory(change));
        });
        self.shared.version.send_modify(|version| *version += 1);
        Ok(())
    }
}
