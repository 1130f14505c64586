//! Reads and writes of this function. Reads of tables are consistent: a stale price or
//! order would be a wrong response.

mod catalog;
mod customers;
mod orders;
mod orders_to_ship;
mod products;
mod revised_write;

pub(crate) use orders::{StatusChange, UpdateOutcome};
pub(crate) use revised_write::{DeleteOutcome, PutOutcome};

use std::time::Duration;

use aws::RetryPolicy;
use aws_sdk_dynamodb::Client;
use dynamodb::OrdersTable;

use crate::settings::Settings;

/// Retries of writes to items that a transaction holds or that other writes change.
const RETRY_POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 5,
    base_delay: Duration::from_millis(25),
    max_delay: Duration::from_millis(400),
};

/// The tables that this function uses.
#[derive(Debug)]
pub(crate) struct Store {
    client: Client,
    orders: OrdersTable,
    settings: Settings,
}

impl Store {
    pub(crate) fn new(client: Client, settings: Settings) -> Self {
        let orders = OrdersTable { client: client.clone(), name: settings.orders_table.clone() };
        Self { client, orders, settings }
    }
}
