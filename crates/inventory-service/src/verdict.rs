//! What DynamoDB says of a transaction that it did not make.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html>

use aws_sdk_dynamodb::types::CancellationReason;
use aws_support::Fault;
use domain::{Line, Order, ProductId, Shortage};
use tables::{BadItem, Item};

use crate::store::{Joint, bad_item};

/// What became of a transaction over an order and the stock of its lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was made.
    Done,
    /// The order is not as the transaction supposed; it is this, or there is none.
    Order(Option<Box<Order>>),
    /// The order is, but some lines find less in stock than they take.
    Short(Vec<Shortage>),
}

/// What a canceled transaction says of one of its actions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding<T> {
    /// Nothing is against it.
    Fine,
    /// Its condition does not hold: the item is this, or there is none.
    Refused(Option<T>),
    /// Others are at its item.
    Contended,
    /// It is at fault, or what is stored; this is what is known of it.
    Unexpected(String),
}

const CONDITION: &str = "ConditionalCheckFailed";
/// Others are at the same items, by a transaction or by their number. The SDK
/// tries none of these again: it takes a canceled transaction for final.
const CONTENTION: [&str; 3] = ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"];

/// Reads the reasons of a canceled transaction whose first action is on the
/// order and whose others are on the stock of its `lines`.
///
/// What the order says comes first: where it has moved on, stock is no matter.
/// A line that is short decides next, whoever else is at the other products.
///
/// # Errors
/// [`Fault::Contended`] if others are at the same items, [`Fault::Broken`] for any other reason.
pub(crate) fn of<'a>(
    reasons: &[CancellationReason],
    lines: impl Iterator<Item = &'a Line>,
) -> Result<Verdict, Fault> {
    let [of_order, of_lines @ ..] = reasons else {
        return Err(Fault::Broken("a transaction was canceled for no reason".into()));
    };
    if code(of_order) == CONDITION {
        let order = of_order.item().map(tables::order_from_item).transpose().map_err(bad_item)?;
        return Ok(Verdict::Order(order.map(Box::new)));
    }
    if code(of_order) != "None" {
        // Nobody has compared the lines with the order's own, so they decide nothing.
        return Err(fault(std::slice::from_ref(of_order)));
    }
    let short = lines.zip(of_lines).filter(|(_, reason)| code(reason) == CONDITION);
    let shortages =
        short.map(|(line, reason)| shortage(line, reason.item())).collect::<Result<Vec<_>, _>>()?;
    if !shortages.is_empty() {
        return Ok(Verdict::Short(shortages));
    }
    Err(fault(reasons))
}

/// Reads the reasons of a canceled transaction whose first actions are on so
/// many `orders` and whose others are on the stock of `products`.
///
/// # Errors
/// [`Fault::Broken`] if they are not the reasons of such a transaction.
pub(crate) fn of_all(
    reasons: &[CancellationReason],
    orders: usize,
    products: impl ExactSizeIterator<Item = ProductId>,
) -> Result<Joint, Fault> {
    let said = reasons.iter().any(|reason| code(reason) != "None");
    if !said || reasons.len() != orders + products.len() {
        return Err(Fault::Broken(format!("a transaction was canceled for {} reasons", reasons.len())));
    }
    let (of_orders, of_stock) = reasons.split_at(orders);
    let orders = of_orders.iter().map(|reason| finding(reason, tables::order_from_item)).collect();
    let quantity = |item: &Item| tables::stock_from_item(item).map(|level| level.quantity);
    let stock = of_stock.iter().map(|reason| finding(reason, quantity));
    Ok(Joint::Canceled { orders, stock: products.zip(stock).collect() })
}

/// Reads the reason for one action of a canceled transaction, and its item with `read`.
fn finding<T>(reason: &CancellationReason, read: impl Fn(&Item) -> Result<T, BadItem>) -> Finding<T> {
    match code(reason) {
        "None" => Finding::Fine,
        CONDITION => match reason.item().map(read).transpose() {
            Ok(item) => Finding::Refused(item),
            Err(error) => Finding::Unexpected(error.to_string()),
        },
        code if CONTENTION.contains(&code) => Finding::Contended,
        code => Finding::Unexpected(code.to_owned()),
    }
}

fn fault(reasons: &[CancellationReason]) -> Fault {
    let codes: Vec<_> = reasons.iter().map(code).filter(|code| *code != "None").collect();
    let text = format!("transaction canceled: {}", codes.join(", "));
    if !codes.is_empty() && codes.iter().all(|code| CONTENTION.contains(code)) {
        Fault::Contended(text)
    } else {
        Fault::Broken(text)
    }
}

fn code(reason: &CancellationReason) -> &str {
    reason.code().unwrap_or("None")
}

/// A product without a stock item has no stock.
fn shortage(line: &Line, stock: Option<&Item>) -> Result<Shortage, Fault> {
    let level = stock.map(tables::stock_from_item).transpose().map_err(bad_item)?;
    Ok(Shortage {
        product_id: line.product_id.clone(),
        requested: line.quantity,
        available: level.map_or(0, |level| level.quantity),
    })
}

#[cfg(test)]
mod tests {
    use domain::{OrderStatus, Quantity};
    use tables::attribute::{PRODUCT_ID, QUANTITY};
    use tables::{number, text};

    use super::*;

    fn lines() -> Vec<Line> {
        let line = |id: &str| Line { product_id: id.parse().unwrap(), quantity: Quantity::new(5).unwrap() };
        vec![line("p1"), line("p2")]
    }

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).build()
    }

    fn refused(item: Item) -> CancellationReason {
        CancellationReason::builder().code(CONDITION).set_item(Some(item)).build()
    }

    fn stock(id: &str, quantity: u32) -> Item {
        [(PRODUCT_ID.to_owned(), text(id)), (QUANTITY.to_owned(), number(quantity))].into()
    }

    fn canceled_order() -> Order {
        let lines = domain::Lines::merge(lines()).unwrap();
        let time = "2025-01-01T00:00:00Z".parse().unwrap();
        let order = Order::from_event("o1".parse().unwrap(), "c1".parse().unwrap(), lines, None, time);
        Order { status: OrderStatus::Canceled, ..order }
    }

    fn verdict(reasons: &[CancellationReason]) -> Result<Verdict, Fault> {
        of(reasons, lines().iter())
    }

    #[test]
    fn the_order_has_the_first_word() {
        let item = tables::order_to_item(&canceled_order());
        for other in ["None", CONDITION, "TransactionConflict", "ValidationError"] {
            let reasons = [refused(item.clone()), reason(other), reason("None")];
            assert_eq!(verdict(&reasons), Ok(Verdict::Order(Some(Box::new(canceled_order())))), "{other}");
        }
        let reasons = [reason(CONDITION), reason("None"), reason("None")];
        assert_eq!(verdict(&reasons), Ok(Verdict::Order(None)));
    }

    #[test]
    fn lines_that_are_short_say_what_there_was() {
        let shortage = |id: &str, available| Shortage {
            product_id: id.parse().unwrap(),
            requested: Quantity::new(5).unwrap(),
            available,
        };
        let both = [reason("None"), refused(stock("p1", 4)), reason(CONDITION)];
        assert_eq!(verdict(&both), Ok(Verdict::Short(vec![shortage("p1", 4), shortage("p2", 0)])));
        let beside_a_conflict = [reason("None"), reason("TransactionConflict"), refused(stock("p2", 0))];
        assert_eq!(verdict(&beside_a_conflict), Ok(Verdict::Short(vec![shortage("p2", 0)])));
    }

    #[test]
    fn no_line_is_short_as_long_as_the_order_was_not_looked_at() {
        let short = [reason("TransactionConflict"), refused(stock("p1", 4)), reason("None")];
        assert!(matches!(verdict(&short), Err(Fault::Contended(_))));
        let short = [reason("ValidationError"), refused(stock("p1", 4)), reason("None")];
        assert!(matches!(verdict(&short), Err(Fault::Broken(_))));
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let fault = |codes: [&str; 3]| verdict(&codes.map(reason)).unwrap_err();
        assert!(matches!(fault(["TransactionConflict", "None", "None"]), Fault::Contended(_)));
        assert!(matches!(fault(["None", "ThrottlingError", "TransactionConflict"]), Fault::Contended(_)));
        assert!(matches!(fault(["None", "ThrottlingError", "None"]), Fault::Contended(_)));
        assert!(matches!(fault(["None", "ProvisionedThroughputExceeded", "None"]), Fault::Contended(_)));
        for broken in ["ValidationError", "ItemCollectionSizeLimitExceeded", "SomethingNew"] {
            assert!(matches!(fault(["None", "TransactionConflict", broken]), Fault::Broken(_)), "{broken}");
        }
    }

    #[test]
    fn a_single_action_is_told_by_its_reason() {
        let quantity = |reason: &CancellationReason| {
            finding(reason, |item| tables::stock_from_item(item).map(|level| level.quantity))
        };
        assert_eq!(quantity(&reason("None")), Finding::Fine);
        assert_eq!(quantity(&reason(CONDITION)), Finding::Refused(None));
        assert_eq!(quantity(&refused(stock("p1", 4))), Finding::Refused(Some(4)));
        for code in CONTENTION {
            assert_eq!(quantity(&reason(code)), Finding::Contended);
        }
        assert_eq!(quantity(&reason("ValidationError")), Finding::Unexpected("ValidationError".into()));
        let bad = refused([(PRODUCT_ID.to_owned(), text("p1"))].into());
        assert_eq!(quantity(&bad), Finding::Unexpected("attribute Quantity: is missing".into()));
    }

    #[test]
    fn the_reasons_of_a_joint_transaction_are_those_of_its_orders_and_then_its_products() {
        let products = || ["p1", "p2"].map(|id| id.parse().unwrap()).into_iter();
        let order = refused(tables::order_to_item(&canceled_order()));
        let of_stock = [reason("TransactionConflict"), refused(stock("p2", 3))];
        let reasons = [&[reason("None"), order, reason("None")][..], &of_stock].concat();
        let Ok(Joint::Canceled { orders, stock }) = of_all(&reasons, 3, products()) else {
            panic!("no verdict");
        };
        assert_eq!(orders, [Finding::Fine, Finding::Refused(Some(canceled_order())), Finding::Fine]);
        let found: Vec<_> = stock.into_values().collect();
        assert_eq!(found, [Finding::Contended, Finding::Refused(Some(3))]);

        for (reasons, orders) in [(&reasons[..4], 3), (&reasons[..], 2), (&[][..], 3)] {
            assert!(matches!(of_all(reasons, orders, products()), Err(Fault::Broken(_))));
        }
        let none = [reason("None"), reason("None"), reason("None")];
        assert!(matches!(of_all(&none, 1, products()), Err(Fault::Broken(_))));
    }

    #[test]
    fn a_cancellation_without_reason_is_nobodys_shortage() {
        assert!(matches!(verdict(&[]), Err(Fault::Broken(_))));
        let none = [reason("None"), reason("None"), reason("None")];
        assert!(matches!(verdict(&none), Err(Fault::Broken(_))));
    }

    #[test]
    fn a_stored_item_of_another_layout_is_a_fault() {
        let bad = [refused(stock("p1", 1)), reason("None"), reason("None")];
        assert!(matches!(verdict(&bad), Err(Fault::Broken(_))));
    }
}
