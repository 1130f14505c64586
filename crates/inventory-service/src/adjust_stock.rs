//! Adjustments of stock, which a request or a receipt of goods causes.

use aws::ServiceError;
use domain::StockAdjustment;

use crate::store::{AdjustOutcome, CreateOutcome, Store};

/// Maximum number of attempts, in case a stock item appears and disappears between them.
const MAX_ATTEMPTS: usize = 3;

/// The effect of an adjustment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AdjustmentEffect {
    /// The adjustment was applied.
    Applied,
    /// The ledger has this adjustment with the same id, which was applied earlier.
    AlreadyRecorded(Box<StockAdjustment>),
    /// There are fewer units on hand than the adjustment removes.
    InsufficientStock,
    /// The product is neither in stock nor in the catalog.
    UnknownProduct,
}

/// Applies an adjustment exactly once; a repetition changes nothing. The first addition for a
/// product of the catalog creates its stock item.
///
/// # Errors
/// [`ServiceError`] if a call fails. The adjustment may have been applied.
pub(crate) async fn adjust(
    store: &Store,
    adjustment: &StockAdjustment,
) -> Result<AdjustmentEffect, ServiceError> {
    for _ in 0..MAX_ATTEMPTS {
        match store.retry_on_conflict(async || store.adjust_stock(adjustment).await).await? {
            AdjustOutcome::Applied => return Ok(AdjustmentEffect::Applied),
            AdjustOutcome::AlreadyRecorded(recorded) => {
                return Ok(AdjustmentEffect::AlreadyRecorded(recorded));
            }
            AdjustOutcome::InsufficientStock => return Ok(AdjustmentEffect::InsufficientStock),
            AdjustOutcome::StockMissing if adjustment.delta.removed_units().is_some() => {
                return removal_without_stock(store, adjustment).await;
            }
            AdjustOutcome::StockMissing => {}
        }
        match store.retry_on_conflict(async || store.create_stock(adjustment).await).await? {
            CreateOutcome::Created => return Ok(AdjustmentEffect::Applied),
            CreateOutcome::AlreadyRecorded(recorded) => {
                return Ok(AdjustmentEffect::AlreadyRecorded(recorded));
            }
            CreateOutcome::ProductMissing => return Ok(AdjustmentEffect::UnknownProduct),
            // The next attempt adjusts it.
            CreateOutcome::StockExists => {}
        }
    }
    Err(ServiceError::Conflict(format!("stock of product {} keeps changing", adjustment.product_id)))
}

/// Returns the effect of taking units of a product without a stock item.
async fn removal_without_stock(
    store: &Store,
    adjustment: &StockAdjustment,
) -> Result<AdjustmentEffect, ServiceError> {
    Ok(if store.product_exists(&adjustment.product_id).await? {
        AdjustmentEffect::InsufficientStock
    } else {
        AdjustmentEffect::UnknownProduct
    })
}
