//! Reads and writes of this function. Every write is conditional: it changes nothing if
//! the order or the stock is not in the expected state.

mod adjustment_outcome;
mod adjustments;
mod cancellation;
mod lists;
mod order_writes;
mod plan;
mod stock;
mod transactions;

pub(crate) use adjustment_outcome::{AdjustOutcome, CreateOutcome};
pub(crate) use cancellation::{ActionResult, BatchOutcome, TransactionOutcome};
pub(crate) use order_writes::{AdvanceOutcome, Rejection};
pub(crate) use plan::{Plan, WriteOutcome};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws::{RetryPolicy, ServiceError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use domain::OrderId;
use dynamodb::{InsertOutcome, OrdersTable, StoredOrder};
use lambda::{Metric, Metrics};

use crate::settings::Settings;

/// Retries of writes that conflict. Lambda retries an event that conflicts for longer.
const RETRY_POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 10,
    base_delay: Duration::from_millis(20),
    max_delay: Duration::from_millis(800),
};

/// Retries of transactions over many orders, which conflict with each other if the
/// orders share a product.
///
/// Such a transaction takes longer than that of one order, and if it fails, all of its
/// orders wait until the queue delivers them again. It is therefore retried for about
/// ten seconds, with shorter delays. docs/hot-products.md has the measurements.
pub(crate) const BATCH_RETRY_POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 30,
    base_delay: Duration::from_millis(20),
    max_delay: Duration::from_millis(400),
};

/// The tables that this function uses.
#[derive(Debug)]
pub(crate) struct Store {
    client: Client,
    orders: OrdersTable,
    settings: Settings,
    metrics: Metrics,
}

impl Store {
    pub(crate) fn new(client: Client, settings: Settings, metrics: Metrics) -> Self {
        let orders = OrdersTable { client: client.clone(), name: settings.orders_table.clone() };
        Self { client, orders, settings, metrics }
    }

    /// Repeats `operation` while it conflicts with a concurrent write, and counts the
    /// conflicts.
    ///
    /// # Errors
    /// The [`ServiceError`] of the last attempt.
    pub(crate) async fn retry_on_conflict<T>(
        &self,
        operation: impl AsyncFn() -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.retry_with_policy(RETRY_POLICY, operation).await
    }

    /// Repeats `operation` like [`Store::retry_on_conflict`], with another policy.
    pub(crate) async fn retry_with_policy<T>(
        &self,
        policy: RetryPolicy,
        operation: impl AsyncFn() -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let conflicts = AtomicU64::new(0);
        let counted = async || {
            let result = operation().await;
            if matches!(result, Err(ServiceError::Conflict(_))) {
                conflicts.fetch_add(1, Ordering::Relaxed);
            }
            result
        };
        let result = policy.retry_on_conflict(counted).await;
        self.metrics.add(Metric::ReservationConflicts, conflicts.into_inner());
        result
    }

    pub(crate) async fn order(&self, id: &OrderId) -> Result<Option<StoredOrder>, ServiceError> {
        self.orders.get(id).await
    }

    /// Stores a new order. Changes nothing if its id exists.
    pub(crate) async fn insert(&self, order: &StoredOrder) -> Result<InsertOutcome, ServiceError> {
        self.orders.insert(order).await
    }
}

/// Converts the error of an incomplete request, which is a defect of this code.
fn build_error(error: BuildError) -> ServiceError {
    ServiceError::Permanent(error.to_string())
}
