//! Outcomes of transactions, read from the cancellation reasons of DynamoDB.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html>

use std::collections::BTreeMap;

use aws::ServiceError;
use aws_sdk_dynamodb::types::CancellationReason;
use domain::{OrderLine, ProductId, Shortage};
use dynamodb::{Item, ItemDecodeError, StoredOrder, decode_order, decode_stock};

/// The outcome of a transaction over an order and the stock of its lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TransactionOutcome {
    /// The transaction was committed.
    Committed,
    /// The order differs from the plan: it is this one, or does not exist.
    OrderDiffers(Option<Box<StoredOrder>>),
    /// The order matches the plan, but these lines are short of stock.
    Short(Vec<Shortage>),
}

/// The outcome of a transaction over several orders and the stock of their lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BatchOutcome {
    /// The transaction was committed.
    Committed,
    /// The transaction was canceled, for at least one of these results.
    Canceled {
        /// Result for each order, in the order of the request.
        orders: Vec<ActionResult<StoredOrder>>,
        /// Result for each product. A failed condition reports the stock on hand.
        stock: BTreeMap<ProductId, ActionResult<u64>>,
    },
}

/// The result of one action of a canceled transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ActionResult<T> {
    /// The action did not cause the cancellation.
    Ok,
    /// The condition failed for this item, or the item does not exist.
    ConditionFailed(Option<T>),
    /// Conflict or throttling: retry.
    Conflict,
    /// The request or the stored item is invalid.
    Failed(String),
}

const NONE: &str = "None";
const CONDITION_FAILED: &str = "ConditionalCheckFailed";
/// Conflict or throttling: retry. The SDK does not retry a canceled transaction.
const CONFLICT_CODES: [&str; 3] = ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"];

/// Reads the reasons of a canceled transaction whose first action is on an order and
/// whose other actions are on the stock of its `lines`.
///
/// The result of the order takes precedence: if the order differs, the stock does not
/// matter. A short line takes precedence over conflicts of other lines.
///
/// # Errors
/// [`ServiceError::Conflict`] for conflicts, [`ServiceError::Permanent`] for any other
/// reason.
pub(super) fn transaction_outcome<'a>(
    reasons: &[CancellationReason],
    lines: impl Iterator<Item = &'a OrderLine>,
) -> Result<TransactionOutcome, ServiceError> {
    let [order_reason, line_reasons @ ..] = reasons else {
        return Err(ServiceError::Permanent("transaction canceled without reasons".into()));
    };
    if code(order_reason) == CONDITION_FAILED {
        let stored = order_reason.item().map(decode_order).transpose()?;
        return Ok(TransactionOutcome::OrderDiffers(stored.map(Box::new)));
    }
    if code(order_reason) != NONE {
        // The lines were not compared with those of the order, so a shortage proves nothing.
        return Err(cancellation_error(std::slice::from_ref(order_reason)));
    }
    let short = lines.zip(line_reasons).filter(|(_, reason)| code(reason) == CONDITION_FAILED);
    let shortages =
        short.map(|(line, reason)| shortage(line, reason.item())).collect::<Result<Vec<_>, _>>()?;
    if shortages.is_empty() {
        Err(cancellation_error(reasons))
    } else {
        Ok(TransactionOutcome::Short(shortages))
    }
}

/// Returns the lines whose stock caused the cancellation by a conflict or by throttling. The
/// transaction is the same as that of [`transaction_outcome`].
pub(super) fn contended_lines<'a>(
    reasons: &[CancellationReason],
    lines: impl Iterator<Item = &'a OrderLine>,
) -> impl Iterator<Item = &'a OrderLine> {
    let line_reasons = reasons.iter().skip(1);
    lines.zip(line_reasons).filter(|(_, reason)| CONFLICT_CODES.contains(&code(reason))).map(|(line, _)| line)
}

/// Reads the reasons of a canceled transaction whose first `orders` actions are on
/// orders and whose other actions are on the stock of `products`.
///
/// # Errors
/// [`ServiceError::Permanent`] if the reasons do not match such a transaction.
pub(super) fn batch_outcome(
    reasons: &[CancellationReason],
    orders: usize,
    products: impl ExactSizeIterator<Item = ProductId>,
) -> Result<BatchOutcome, ServiceError> {
    let has_reason = reasons.iter().any(|reason| code(reason) != NONE);
    if !has_reason || reasons.len() != orders + products.len() {
        let count = reasons.len();
        return Err(ServiceError::Permanent(format!("transaction canceled with {count} unusable reasons")));
    }
    let (order_reasons, stock_reasons) = reasons.split_at(orders);
    let decode_quantity = |item: &Item| decode_stock(item).map(|level| level.quantity);
    let orders = order_reasons.iter().map(|reason| action_result(reason, decode_order)).collect();
    let stock = stock_reasons.iter().map(|reason| action_result(reason, decode_quantity));
    Ok(BatchOutcome::Canceled { orders, stock: products.zip(stock).collect() })
}

/// Reads the reason of one action, decoding its item with `decode`.
fn action_result<T>(
    reason: &CancellationReason,
    decode: impl Fn(&Item) -> Result<T, ItemDecodeError>,
) -> ActionResult<T> {
    match code(reason) {
        NONE => ActionResult::Ok,
        CONDITION_FAILED => match reason.item().map(decode).transpose() {
            Ok(item) => ActionResult::ConditionFailed(item),
            Err(error) => ActionResult::Failed(error.to_string()),
        },
        code if CONFLICT_CODES.contains(&code) => ActionResult::Conflict,
        code => ActionResult::Failed(code.to_owned()),
    }
}

/// Returns true if the condition of an action caused the cancellation.
pub(super) fn is_condition_failure(reason: &CancellationReason) -> bool {
    code(reason) == CONDITION_FAILED
}

/// Returns true if DynamoDB evaluated an action, and it did not cause the cancellation.
pub(super) fn is_unaffected(reason: &CancellationReason) -> bool {
    code(reason) == NONE
}

/// Returns the error of a transaction that no condition canceled.
pub(super) fn cancellation_error(reasons: &[CancellationReason]) -> ServiceError {
    let codes: Vec<_> = reasons.iter().map(code).filter(|code| *code != NONE).collect();
    let text = format!("transaction canceled: {}", codes.join(", "));
    if !codes.is_empty() && codes.iter().all(|code| CONFLICT_CODES.contains(code)) {
        ServiceError::Conflict(text)
    } else {
        ServiceError::Permanent(text)
    }
}

fn code(reason: &CancellationReason) -> &str {
    reason.code().unwrap_or(NONE)
}

/// Returns the shortage of a line. A product without a stock item has no stock.
///
/// # Errors
/// [`ServiceError::Permanent`] if the stock item is invalid or suffices: then a defect, not a
/// shortage, made the condition fail, and the order must not be rejected.
fn shortage(line: &OrderLine, stock: Option<&Item>) -> Result<Shortage, ServiceError> {
    let available = stock.map(decode_stock).transpose()?.map_or(0, |level| level.quantity);
    if available >= u64::from(line.quantity.get()) {
        let OrderLine { product_id, quantity } = line;
        let problem = format!("stock of product {product_id} fails for {quantity} of {available} units");
        return Err(ServiceError::Permanent(problem));
    }
    Ok(Shortage { product_id: line.product_id.clone(), requested: line.quantity, available })
}

#[cfg(test)]
mod tests {
    use domain::{Order, OrderLines, OrderStatus, Quantity};
    use dynamodb::attribute::{PRODUCT_ID, QUANTITY};
    use dynamodb::{encode_order, number, text};

    use super::*;

    fn lines() -> Vec<OrderLine> {
        let line =
            |id: &str| OrderLine { product_id: id.parse().unwrap(), quantity: Quantity::new(5).unwrap() };
        vec![line("p1"), line("p2")]
    }

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).build()
    }

    fn condition_failed(item: Item) -> CancellationReason {
        CancellationReason::builder().code(CONDITION_FAILED).set_item(Some(item)).build()
    }

    fn stock(id: &str, quantity: u32) -> Item {
        [(PRODUCT_ID.to_owned(), text(id)), (QUANTITY.to_owned(), number(quantity))].into()
    }

    fn canceled_order() -> StoredOrder {
        let lines = OrderLines::merge(lines()).unwrap();
        let time = "2025-01-01T00:00:00Z".parse().unwrap();
        let order = Order::from_event("o1".parse().unwrap(), "c1".parse().unwrap(), lines, None, time);
        Order { status: OrderStatus::Canceled, ..order }.into()
    }

    fn outcome(reasons: &[CancellationReason]) -> Result<TransactionOutcome, ServiceError> {
        transaction_outcome(reasons, lines().iter())
    }

    #[test]
    fn a_differing_order_takes_precedence() {
        let item = encode_order(&canceled_order());
        for other in ["None", CONDITION_FAILED, "TransactionConflict", "ValidationError"] {
            let reasons = [condition_failed(item.clone()), reason(other), reason("None")];
            assert_eq!(
                outcome(&reasons),
                Ok(TransactionOutcome::OrderDiffers(Some(Box::new(canceled_order())))),
                "{other}"
            );
        }
        let reasons = [reason(CONDITION_FAILED), reason("None"), reason("None")];
        assert_eq!(outcome(&reasons), Ok(TransactionOutcome::OrderDiffers(None)));
    }

    #[test]
    fn reports_the_stock_on_hand_of_short_lines() {
        let shortage = |id: &str, available| Shortage {
            product_id: id.parse().unwrap(),
            requested: Quantity::new(5).unwrap(),
            available,
        };
        let sufficient = [reason("None"), condition_failed(stock("p1", 5)), reason("None")];
        assert!(matches!(outcome(&sufficient), Err(ServiceError::Permanent(_))), "a defect is no shortage");
        let both = [reason("None"), condition_failed(stock("p1", 4)), reason(CONDITION_FAILED)];
        assert_eq!(outcome(&both), Ok(TransactionOutcome::Short(vec![shortage("p1", 4), shortage("p2", 0)])));
        let beside_a_conflict =
            [reason("None"), reason("TransactionConflict"), condition_failed(stock("p2", 0))];
        assert_eq!(outcome(&beside_a_conflict), Ok(TransactionOutcome::Short(vec![shortage("p2", 0)])));
    }

    #[test]
    fn reports_no_shortage_if_the_order_was_not_checked() {
        let short = [reason("TransactionConflict"), condition_failed(stock("p1", 4)), reason("None")];
        assert!(matches!(outcome(&short), Err(ServiceError::Conflict(_))));
        let short = [reason("ValidationError"), condition_failed(stock("p1", 4)), reason("None")];
        assert!(matches!(outcome(&short), Err(ServiceError::Permanent(_))));
    }

    #[test]
    fn distinguishes_conflicts_from_permanent_errors() {
        let error = |codes: [&str; 3]| outcome(&codes.map(reason)).unwrap_err();
        assert!(matches!(error(["TransactionConflict", "None", "None"]), ServiceError::Conflict(_)));
        assert!(matches!(
            error(["None", "ThrottlingError", "TransactionConflict"]),
            ServiceError::Conflict(_)
        ));
        assert!(matches!(error(["None", "ThrottlingError", "None"]), ServiceError::Conflict(_)));
        assert!(matches!(
            error(["None", "ProvisionedThroughputExceeded", "None"]),
            ServiceError::Conflict(_)
        ));
        for broken in ["ValidationError", "ItemCollectionSizeLimitExceeded", "SomethingNew"] {
            assert!(
                matches!(error(["None", "TransactionConflict", broken]), ServiceError::Permanent(_)),
                "{broken}"
            );
        }
    }

    #[test]
    fn reads_the_result_of_a_single_action() {
        let quantity = |reason: &CancellationReason| {
            action_result(reason, |item| decode_stock(item).map(|level| level.quantity))
        };
        assert_eq!(quantity(&reason("None")), ActionResult::Ok);
        assert_eq!(quantity(&reason(CONDITION_FAILED)), ActionResult::ConditionFailed(None));
        assert_eq!(quantity(&condition_failed(stock("p1", 4))), ActionResult::ConditionFailed(Some(4)));
        for code in CONFLICT_CODES {
            assert_eq!(quantity(&reason(code)), ActionResult::Conflict);
        }
        assert_eq!(quantity(&reason("ValidationError")), ActionResult::Failed("ValidationError".into()));
        let bad = condition_failed([(PRODUCT_ID.to_owned(), text("p1"))].into());
        assert_eq!(quantity(&bad), ActionResult::Failed("attribute Quantity: is missing".into()));
    }

    #[test]
    fn reads_the_results_of_a_batch_by_order_and_product() {
        let products = || ["p1", "p2"].map(|id| id.parse().unwrap()).into_iter();
        let order = condition_failed(encode_order(&canceled_order()));
        let of_stock = [reason("TransactionConflict"), condition_failed(stock("p2", 3))];
        let reasons = [&[reason("None"), order, reason("None")][..], &of_stock].concat();
        let Ok(BatchOutcome::Canceled { orders, stock }) = batch_outcome(&reasons, 3, products()) else {
            panic!("not canceled");
        };
        assert_eq!(
            orders,
            [ActionResult::Ok, ActionResult::ConditionFailed(Some(canceled_order())), ActionResult::Ok]
        );
        let found: Vec<_> = stock.into_values().collect();
        assert_eq!(found, [ActionResult::Conflict, ActionResult::ConditionFailed(Some(3))]);

        for (reasons, orders) in [(&reasons[..4], 3), (&reasons[..], 2), (&[][..], 3)] {
            assert!(matches!(batch_outcome(reasons, orders, products()), Err(ServiceError::Permanent(_))));
        }
        let none = [reason("None"), reason("None"), reason("None")];
        assert!(matches!(batch_outcome(&none, 1, products()), Err(ServiceError::Permanent(_))));
    }

    #[test]
    fn a_cancellation_without_reasons_is_a_permanent_error() {
        assert!(matches!(outcome(&[]), Err(ServiceError::Permanent(_))));
        let none = [reason("None"), reason("None"), reason("None")];
        assert!(matches!(outcome(&none), Err(ServiceError::Permanent(_))));
    }

    #[test]
    fn an_invalid_stored_item_is_a_permanent_error() {
        let bad = [condition_failed(stock("p1", 1)), reason("None"), reason("None")];
        assert!(matches!(outcome(&bad), Err(ServiceError::Permanent(_))));
    }
}
