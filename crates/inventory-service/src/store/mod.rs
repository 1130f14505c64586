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
pub(crate) use order_writes::{AcknowledgeOutcome, AdvanceOutcome, Rejection};
pub(crate) use plan::{Plan, WriteOutcome};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws::client::LostConnectionsOnly;
use aws::{RetryPolicy, ServiceError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use domain::{OrderId, ProductId};
use dynamodb::{InsertOutcome, OrdersTable, StoredOrder};
use lambda::{Metric, Metrics};

use crate::contention::ContendedProducts;
use crate::settings::Settings;

/// Retries of writes that conflict.
const RETRY_POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 10,
    base_delay: Duration::from_millis(20),
    max_delay: Duration::from_millis(800),
};

/// The first try of an event from the bus, which goes to the queue if it fails.
const SINGLE_ATTEMPT: RetryPolicy =
    RetryPolicy { max_attempts: 1, base_delay: Duration::ZERO, max_delay: Duration::ZERO };

/// Retries of transactions over many orders, which conflict with each other if the
/// orders share a product.
///
/// Such a transaction takes longer than that of one order, and if it fails, all of its
/// orders wait until the queue delivers them again. It is therefore retried for about
/// six seconds, with a longer first delay, since a transaction of many orders holds their
/// product for longer. docs/hot-products.md has the measurements.
pub(crate) const BATCH_RETRY_POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 30,
    base_delay: Duration::from_millis(60),
    max_delay: Duration::from_millis(400),
};

/// The tables that this function uses.
#[derive(Debug)]
pub(crate) struct Store {
    client: Client,
    orders: OrdersTable,
    settings: Settings,
    metrics: Metrics,
    retry_policy: RetryPolicy,
    contended: Arc<ContendedProducts>,
}

impl Store {
    pub(crate) fn new(client: Client, settings: Settings, metrics: Metrics) -> Self {
        Self::with_policy(client, settings, metrics, RETRY_POLICY, Arc::default())
    }

    /// Returns a store that tries each write once. Only lost connections are retried, because one
    /// may have expired while the process was idle.
    pub(crate) fn without_retries(&self) -> Self {
        let config = self.client.config().to_builder().retry_classifier(LostConnectionsOnly);
        let client = Client::from_conf(config.build());
        let (settings, metrics) = (self.settings.clone(), self.metrics.clone());
        Self::with_policy(client, settings, metrics, SINGLE_ATTEMPT, Arc::clone(&self.contended))
    }

    fn with_policy(
        client: Client,
        settings: Settings,
        metrics: Metrics,
        retry_policy: RetryPolicy,
        contended: Arc<ContendedProducts>,
    ) -> Self {
        let orders = OrdersTable { client: client.clone(), name: settings.orders_table.clone() };
        Self { client, orders, settings, metrics, retry_policy, contended }
    }

    /// Returns true if the stock of a product was contended within the last seconds.
    pub(crate) fn is_contended(&self, product: &ProductId) -> bool {
        self.contended.contains(product)
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
        self.retry_with_policy(self.retry_policy, operation).await
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
