//! The rules of orders, and of the stock of products.

use std::time::Duration;

use domain::{EventKind, FulfillmentShard, Money, Order, OrderStatus, OutboxEvent, Shipment, Timestamp};
use dynamodb::StoredOrder;
use lambda::clock::millis;

use super::finding::{Finding, Rule, Table};
use super::state::{ListedOrder, State};

use OrderStatus::{Confirmed, Delivered, Rejected, Shipped};

/// Returns all violations, sorted. An event older than `stuck` should have been applied.
pub(super) fn check(state: &State, now: Timestamp, stuck: Duration) -> Vec<Finding> {
    let mut findings = state.findings.clone();
    findings.extend(check_stock(state));
    for order in &state.orders {
        findings.extend(check_order(order, now, stuck));
    }
    findings.sort();
    findings
}

fn check_stock(state: &State) -> impl Iterator<Item = Finding> {
    state.differing_units().into_iter().map(|(product, units)| Finding {
        rule: Rule::LedgerExplainsStock,
        table: Table::Inventory,
        id: product.to_string(),
        detail: format!(
            "the ledger has {} units, {} are on hand and orders hold {}",
            units.recorded, units.on_hand, units.held
        ),
    })
}

fn check_order(listed: &ListedOrder, now: Timestamp, stuck: Duration) -> Vec<Finding> {
    let ListedOrder { stored, shard } = listed;
    let violations = [
        check_reservation(stored),
        check_fulfillment_list(&stored.order, shard.as_deref()),
        check_total(&stored.order),
        check_shipment(&stored.order),
        check_shortages(&stored.order),
        check_event(stored),
        check_age(stored, now, stuck),
    ];
    let id = stored.order.id.as_str();
    let finding = |(rule, detail)| Finding { rule, table: Table::Orders, id: id.to_owned(), detail };
    violations.into_iter().flatten().map(finding).collect()
}

type Violation = Option<(Rule, String)>;

/// Checks that an order holds its stock as long as its status says so. A canceled order still holds it until
/// the consumer applies the OrderCanceled in its outbox.
fn check_reservation(stored: &StoredOrder) -> Violation {
    let order = &stored.order;
    if stored.outbox.as_ref().is_some_and(|event| event.kind == EventKind::Canceled) {
        return None;
    }
    let should_hold = matches!(order.status, Confirmed | Shipped | Delivered);
    let detail = match (order.stock_reserved, should_hold) {
        (true, false) => "holds stock",
        (false, true) => "holds no stock",
        _ => return None,
    };
    Some((Rule::ReservationFollowsStatus, format!("is {} and {detail}", order.status)))
}

fn check_fulfillment_list(order: &Order, shard: Option<&str>) -> Violation {
    let expected = (order.status == Confirmed).then(|| FulfillmentShard::of(&order.id).to_string());
    let detail = match (shard, &expected) {
        (None, Some(_)) => "is not on the list of orders to ship".to_owned(),
        (Some(_), None) => "is on the list of orders to ship".to_owned(),
        (Some(shard), Some(expected)) if shard != expected => {
            format!("is in part {shard} of the list, not in {expected}")
        }
        _ => return None,
    };
    Some((Rule::ListFollowsStatus, format!("is {} and {detail}", order.status)))
}

/// Checks the total of an order that has prices. An order that an event created has none.
fn check_total(order: &Order) -> Violation {
    let total = order.total_amount?;
    let sum = order.items.iter().try_fold(Money::ZERO, |sum, item| {
        let price = item.unit_price?.checked_mul(item.line.quantity.get())?;
        sum.checked_add(price)
    })?;
    let detail = || format!("the total is {total}, and the lines add up to {sum}");
    (sum != total).then(|| (Rule::TotalIsSumOfLines, detail()))
}

fn check_shipment(order: &Order) -> Violation {
    let may_have_one = matches!(order.status, Shipped | Delivered);
    let has_one = order.shipment != Shipment::default();
    let detail = || format!("is {} and has a carrier or a tracking number", order.status);
    (has_one && !may_have_one).then(|| (Rule::ShipmentFollowsStatus, detail()))
}

fn check_shortages(order: &Order) -> Violation {
    let detail = match (order.shortages.is_empty(), order.status) {
        (true, Rejected) => "has no shortages",
        (false, status) if status != Rejected => "has shortages",
        _ => return None,
    };
    Some((Rule::ShortagesFollowStatus, format!("is {} and {detail}", order.status)))
}

/// Checks the event of the last change. It is absent once its consumer has applied it.
fn check_event(stored: &StoredOrder) -> Violation {
    let event = stored.outbox.as_ref()?;
    let expected = EventKind::of_status(stored.order.status);
    let detail = || format!("is {} and its event is {}", stored.order.status, event.kind);
    (event.kind != expected).then(|| (Rule::EventFollowsStatus, detail()))
}

/// Checks the age of the oldest event that the consumer has to apply.
fn check_age(stored: &StoredOrder, now: Timestamp, stuck: Duration) -> Violation {
    let superseded = stored.superseded.iter().map(|superseded| &superseded.event);
    let mut events = superseded.chain(&stored.outbox).filter(|event| is_applied_by_the_consumer(event));
    let event = events.next()?;
    let age = now.millis_since(event.time);
    let detail = || format!("{} has waited for {} s", event.kind, age / 1000);
    (age > millis(stuck)).then(|| (Rule::AppliedEvent, detail()))
}

/// Returns false for an event that is for other consumers and stays with its order.
const fn is_applied_by_the_consumer(event: &OutboxEvent) -> bool {
    !matches!(event.kind, EventKind::Confirmed | EventKind::Rejected)
}
