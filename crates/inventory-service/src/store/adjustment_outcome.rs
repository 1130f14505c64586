//! Outcomes of adjustments, read from the cancellation reasons of DynamoDB.

use aws::ServiceError;
use aws_sdk_dynamodb::types::CancellationReason;
use domain::StockAdjustment;
use dynamodb::decode_adjustment;

use super::cancellation::{cancellation_error, is_condition_failure, is_unaffected};

/// The outcome of adjusting the stock of a product.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AdjustOutcome {
    /// The adjustment was applied.
    Applied,
    /// The ledger has an adjustment with this id already. Nothing was written.
    AlreadyRecorded(Box<StockAdjustment>),
    /// There are fewer units on hand than the adjustment removes.
    InsufficientStock,
    /// The product has no stock item.
    StockMissing,
}

/// The outcome of creating the stock item of a product.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CreateOutcome {
    /// The stock item was created.
    Created,
    /// The ledger has an adjustment with this id already. Nothing was written.
    AlreadyRecorded(Box<StockAdjustment>),
    /// The product has a stock item by now.
    StockExists,
    /// The catalog does not have the product.
    ProductMissing,
}

impl AdjustOutcome {
    /// Reads the reasons of a canceled transaction over a ledger entry and a stock item. The
    /// result of the entry takes precedence: a recorded adjustment is not applied again,
    /// even if the stock has changed since.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] for conflicts, [`ServiceError::Permanent`] for any other
    /// reason.
    pub(super) fn from_reasons(reasons: &[CancellationReason]) -> Result<Self, ServiceError> {
        let [entry, stock] = reasons else { return Err(cancellation_error(reasons)) };
        if let Some(recorded) = recorded_adjustment(entry)? {
            return Ok(Self::AlreadyRecorded(recorded));
        }
        require_checked(entry)?;
        match stock.item() {
            _ if !is_condition_failure(stock) => Err(cancellation_error(reasons)),
            Some(_) => Ok(Self::InsufficientStock),
            None => Ok(Self::StockMissing),
        }
    }
}

impl CreateOutcome {
    /// Reads the reasons of a canceled transaction over a ledger entry, a stock item and a
    /// product, with the precedence of [`AdjustOutcome::from_reasons`].
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] for conflicts, [`ServiceError::Permanent`] for any other
    /// reason.
    pub(super) fn from_reasons(reasons: &[CancellationReason]) -> Result<Self, ServiceError> {
        let [entry, stock, product] = reasons else { return Err(cancellation_error(reasons)) };
        if let Some(recorded) = recorded_adjustment(entry)? {
            return Ok(Self::AlreadyRecorded(recorded));
        }
        require_checked(entry)?;
        if is_condition_failure(stock) {
            Ok(Self::StockExists)
        } else if is_condition_failure(product) {
            Ok(Self::ProductMissing)
        } else {
            Err(cancellation_error(reasons))
        }
    }
}

/// Checks that DynamoDB evaluated the condition of the ledger entry. Otherwise the adjustment
/// may be recorded already, and the stock proves nothing.
fn require_checked(entry: &CancellationReason) -> Result<(), ServiceError> {
    if is_unaffected(entry) { Ok(()) } else { Err(cancellation_error(std::slice::from_ref(entry))) }
}

/// Returns the adjustment that the ledger has already, if that caused the cancellation.
fn recorded_adjustment(entry: &CancellationReason) -> Result<Option<Box<StockAdjustment>>, ServiceError> {
    if !is_condition_failure(entry) {
        return Ok(None);
    }
    let missing = || ServiceError::Permanent("transaction returned no existing ledger entry".into());
    let recorded = decode_adjustment(entry.item().ok_or_else(missing)?)?;
    Ok(Some(Box::new(recorded)))
}

#[cfg(test)]
mod tests {
    use domain::{AdjustmentReason, StockDelta};
    use dynamodb::attribute::{PRODUCT_ID, QUANTITY};
    use dynamodb::{Item, encode_adjustment, number, text};

    use super::*;

    fn adjustment() -> StockAdjustment {
        StockAdjustment {
            id: "a-1".parse().unwrap(),
            product_id: "001".parse().unwrap(),
            delta: StockDelta::new(-3).unwrap(),
            reason: AdjustmentReason::Damaged,
            note: None,
            receipt_id: None,
            created_at: "2025-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).build()
    }

    fn condition_failed(item: Option<Item>) -> CancellationReason {
        CancellationReason::builder().code("ConditionalCheckFailed").set_item(item).build()
    }

    fn stock_item() -> Item {
        [(PRODUCT_ID.to_owned(), text("001")), (QUANTITY.to_owned(), number(2))].into()
    }

    #[test]
    fn a_recorded_adjustment_takes_precedence() {
        let recorded = || condition_failed(Some(encode_adjustment(&adjustment())));
        for other in [reason("None"), condition_failed(Some(stock_item())), reason("TransactionConflict")] {
            assert_eq!(
                AdjustOutcome::from_reasons(&[recorded(), other.clone()]),
                Ok(AdjustOutcome::AlreadyRecorded(Box::new(adjustment())))
            );
            assert_eq!(
                CreateOutcome::from_reasons(&[recorded(), other, condition_failed(None)]),
                Ok(CreateOutcome::AlreadyRecorded(Box::new(adjustment())))
            );
        }
    }

    #[test]
    fn tells_a_shortage_from_a_missing_stock_item() {
        let outcome = |stock| AdjustOutcome::from_reasons(&[reason("None"), stock]);
        assert_eq!(outcome(condition_failed(Some(stock_item()))), Ok(AdjustOutcome::InsufficientStock));
        assert_eq!(outcome(condition_failed(None)), Ok(AdjustOutcome::StockMissing));
    }

    #[test]
    fn tells_an_existing_stock_item_from_a_missing_product() {
        let outcome = |stock, product| CreateOutcome::from_reasons(&[reason("None"), stock, product]);
        let failed = || condition_failed(None);
        assert_eq!(outcome(failed(), reason("None")), Ok(CreateOutcome::StockExists));
        assert_eq!(outcome(failed(), failed()), Ok(CreateOutcome::StockExists));
        assert_eq!(outcome(reason("None"), failed()), Ok(CreateOutcome::ProductMissing));
    }

    #[test]
    fn distinguishes_conflicts_from_permanent_errors() {
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            let adjusted = AdjustOutcome::from_reasons(&[reason(code), reason("None")]);
            assert!(matches!(adjusted, Err(ServiceError::Conflict(_))), "{code}");
            let created = CreateOutcome::from_reasons(&[reason("None"), reason("None"), reason(code)]);
            assert!(matches!(created, Err(ServiceError::Conflict(_))), "{code}");
        }
        for reasons in [&[][..], &[reason("None"), reason("ValidationError")], &[condition_failed(None)]] {
            assert!(matches!(AdjustOutcome::from_reasons(reasons), Err(ServiceError::Permanent(_))));
            assert!(matches!(CreateOutcome::from_reasons(reasons), Err(ServiceError::Permanent(_))));
        }
        let without_item = [condition_failed(None), reason("None")];
        assert!(matches!(AdjustOutcome::from_reasons(&without_item), Err(ServiceError::Permanent(_))));
    }

    #[test]
    fn the_stock_proves_nothing_if_the_entry_was_not_checked() {
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            let adjusted = AdjustOutcome::from_reasons(&[reason(code), reason("ConditionalCheckFailed")]);
            assert!(matches!(adjusted, Err(ServiceError::Conflict(_))), "{code}: {adjusted:?}");
            let missing = [reason(code), reason("None"), reason("ConditionalCheckFailed")];
            let created = CreateOutcome::from_reasons(&missing);
            assert!(matches!(created, Err(ServiceError::Conflict(_))), "{code}: {created:?}");
        }
    }
}
