//! The next step of each candidate after a canceled transaction.

use std::collections::BTreeMap;

use domain::{Order, OrderAction, OrderLine, ProductId, Shortage, Transition, transition};
use dynamodb::StoredOrder;

use super::candidate::{Candidate, Placement, Settled, ShortCandidate};
use crate::outcome::Outcome;
use crate::store::{ActionResult, BatchOutcome, Plan};

/// Transactions that an order takes part in before it is reserved on its own.
const MAX_ROUNDS: usize = 6;

/// Stock on hand, or the result of its update, by product.
type ByProduct<T> = BTreeMap<ProductId, T>;

/// The candidates of a transaction, grouped by the next step.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) settled: Vec<Settled>,
    /// Retry at once: nothing prevents the reservation.
    pub(super) retry_first: Vec<Candidate>,
    /// Retry after the candidates in `retry_first`.
    pub(super) retry_later: Vec<Candidate>,
    /// Reject.
    pub(super) short: Vec<ShortCandidate>,
    /// Reserve individually, by index of the placement.
    pub(super) individual: Vec<usize>,
}

impl Round {
    /// Assigns the candidates of a canceled transaction to their next step.
    pub(super) fn classify(
        &mut self,
        placements: &[Placement],
        group: Vec<Candidate>,
        orders: Vec<ActionResult<StoredOrder>>,
        stock: &ByProduct<ActionResult<u64>>,
    ) {
        // Stock on hand of each product with too little for all candidates.
        let scarce = stock.iter().filter_map(|(product, result)| match result {
            ActionResult::ConditionFailed(on_hand) => Some((product.clone(), on_hand.unwrap_or_default())),
            _ => None,
        });
        let on_hand: ByProduct<u64> = scarce.collect();
        let mut remaining = on_hand.clone();
        for (mut candidate, order) in group.into_iter().zip(orders) {
            candidate.rounds += 1;
            if candidate.rounds >= MAX_ROUNDS {
                self.individual.push(candidate.placement);
                continue;
            }
            match order {
                ActionResult::ConditionFailed(stored) => self.replan(placements, candidate, stored),
                ActionResult::Failed(_) => self.individual.push(candidate.placement),
                ActionResult::Conflict => self.retry_later.push(candidate),
                ActionResult::Ok => self.classify_by_stock(candidate, stock, &on_hand, &mut remaining),
            }
        }
    }

    /// Replaces a plan that the stored order contradicts. An order that no longer can be
    /// confirmed but holds the event is handled individually, because the event must be removed.
    fn replan(&mut self, placements: &[Placement], candidate: Candidate, stored: Option<StoredOrder>) {
        let Candidate { placement, plan, rounds } = candidate;
        let plan = match stored {
            None => plan.insert(placements[placement].claimed.clone()),
            Some(StoredOrder { order, .. })
                if transition(order.status, OrderAction::Confirm) == Transition::Allowed =>
            {
                plan.update(order)
            }
            Some(stored) if placements[placement].is_held_by(&stored) => {
                self.individual.push(placement);
                return;
            }
            Some(_) => {
                self.settled.push(Settled { placement, result: Ok(Outcome::Stale) });
                return;
            }
        };
        self.retry_first.push(Candidate { placement, plan, rounds });
    }

    /// Assigns a candidate whose order matches the plan by the results of its lines.
    fn classify_by_stock(
        &mut self,
        candidate: Candidate,
        stock: &ByProduct<ActionResult<u64>>,
        on_hand: &ByProduct<u64>,
        remaining: &mut ByProduct<u64>,
    ) {
        let plan = &candidate.plan;
        let shortages = shortages(&plan.order, on_hand);
        if !shortages.is_empty() {
            self.short.push(ShortCandidate { candidate, shortages });
        } else if any_line(plan, stock, |result| matches!(result, ActionResult::Failed(_))) {
            self.individual.push(candidate.placement);
        } else if any_line(plan, stock, |result| *result == ActionResult::Conflict) {
            self.retry_later.push(candidate);
        } else if try_decrement(&plan.order, remaining) {
            self.retry_first.push(candidate);
        } else {
            // Earlier candidates may use up this stock.
            self.retry_later.push(candidate);
        }
    }
}

/// Returns true if every order or its stock conflicts with another transaction.
pub(super) fn all_conflict(outcome: &BatchOutcome, plans: &[&Plan]) -> bool {
    let BatchOutcome::Canceled { orders, stock } = outcome else {
        return false;
    };
    plans.iter().zip(orders).all(|(plan, order)| match order {
        ActionResult::Conflict => true,
        ActionResult::Ok => any_line(plan, stock, |result| *result == ActionResult::Conflict),
        ActionResult::ConditionFailed(_) | ActionResult::Failed(_) => false,
    })
}

/// Returns true if the stock update of any line satisfies `predicate`.
fn any_line(
    plan: &Plan,
    stock: &ByProduct<ActionResult<u64>>,
    predicate: impl Fn(&ActionResult<u64>) -> bool,
) -> bool {
    plan.order.lines().any(|line| stock.get(&line.product_id).is_some_and(&predicate))
}

/// Returns the lines that request more than the stock on hand.
fn shortages(order: &Order, on_hand: &ByProduct<u64>) -> Vec<Shortage> {
    order.lines().filter_map(|line| shortage(line, *on_hand.get(&line.product_id)?)).collect()
}

fn shortage(line: &OrderLine, available: u64) -> Option<Shortage> {
    let is_short = available < u64::from(line.quantity.get());
    is_short.then(|| Shortage { product_id: line.product_id.clone(), requested: line.quantity, available })
}

/// Subtracts every line of an order from the remaining stock. Returns false and changes
/// nothing if a line is short.
fn try_decrement(order: &Order, remaining: &mut ByProduct<u64>) -> bool {
    if !shortages(order, remaining).is_empty() {
        return false;
    }
    for line in order.lines() {
        if let Some(remaining) = remaining.get_mut(&line.product_id) {
            *remaining -= u64::from(line.quantity.get());
        }
    }
    true
}
