//! Keeps the model up to date.

use std::time::Duration;

use dynamodb::Item;
use tokio::time::sleep;

use super::model::Model;
use super::{ConsoleError, Shared};
use crate::feed::{ChangedItem, FeedError, POLL_INTERVAL, Start, TableStream};
use crate::stack::Stack;
use crate::table_reader::{DEFAULT_UNITS_PER_SECOND, TableReader};

/// Time between two polls of the local AWS, which has no limit.
const LOCAL_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Time before the next poll after a failed one.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

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

    /// Applies the changes of the streams, and tries again after a failed read.
    pub(super) async fn follow(&mut self) {
        loop {
            if let Err(error) = self.poll().await {
                eprintln!("shop: {error}");
                sleep(PAUSE_AFTER_FAILURE).await;
            }
            sleep(self.interval).await;
        }
    }

    async fn poll(&mut self) -> Result<(), FeedError> {
        let orders = self.orders.poll().await?;
        self.apply(&orders, Model::apply_order);
        let inventory = self.inventory.poll().await?;
        self.apply(&inventory, Model::apply_inventory);
        Ok(())
    }

    fn apply(&self, changes: &[ChangedItem], apply: impl Fn(&mut Model, &ChangedItem)) {
        if !changes.is_empty() {
            self.shared.with_model(|model| changes.iter().for_each(|change| apply(model, change)));
            self.shared.version.send_modify(|version| *version += 1);
        }
    }
}
