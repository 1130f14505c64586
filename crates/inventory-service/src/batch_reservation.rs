//! Reservation of many orders in one transaction.
//!
//! The transaction writes a popular product once for all orders instead of once for
//! each. If DynamoDB cancels it, the cancellation reasons show which orders caused
//! that. These are handled separately and the remaining orders are retried together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aws::ServiceError;
use domain::{EventMetadata, Order, OrderAction, OrderLine, ProductId, Shortage, Transition, transition};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use lambda::Deadline;
use tracing::{Instrument as _, Span};

use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::reservation;
use crate::store::{ActionResult, BATCH_RETRY_POLICY, BatchOutcome, Plan, Store, WriteOutcome};

/// Orders that are handled concurrently if each needs its own calls. Each can open a
/// connection, which is expensive for a small function.
pub(crate) const MAX_CONCURRENCY: usize = 8;

/// Maximum actions of a transaction:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const MAX_ACTIONS: usize = 100;

/// Transactions that an order takes part in before it is reserved on its own.
const MAX_ROUNDS: usize = 6;

/// Stock on hand, or the result of its update, by product.
type ByProduct<T> = BTreeMap<ProductId, T>;

/// An OrderPlaced event of a batch.
#[derive(Debug)]
pub(crate) struct Placement {
    /// Index of its message in the batch.
    pub(crate) message: usize,
    /// Order as the event claims it to be.
    pub(crate) claimed: Order,
    pub(crate) metadata: Option<EventMetadata>,
    /// Span of its log lines.
    pub(crate) span: Span,
}

/// A placement without a result yet.
#[derive(Debug)]
struct Candidate {
    /// Index of the placement.
    placement: usize,
    plan: Plan,
    /// Transactions that it took part in.
    rounds: usize,
}

/// The result of a placement.
#[derive(Debug)]
struct Settled {
    /// Index of the placement.
    placement: usize,
    result: Result<Outcome, ApplyError>,
}

/// A candidate that requests more than the stock on hand.
#[derive(Debug)]
struct ShortCandidate {
    candidate: Candidate,
    shortages: Vec<Shortage>,
}

/// The candidates of a transaction, grouped by the next step.
#[derive(Debug, Default)]
struct Round {
    settled: Vec<Settled>,
    /// Retry at once: nothing prevents the reservation.
    next: Vec<Candidate>,
    /// Retry after the candidates in `next`.
    later: Vec<Candidate>,
    /// Reject.
    short: Vec<ShortCandidate>,
    /// Reserve individually, by index of the placement.
    individual: Vec<usize>,
}

/// Reserves the stock of each order and confirms or rejects it, as
/// [`reservation::reserve`] does for one order. All orders differ.
///
/// Results are independent of each other and in the order of the placements. A
/// placement without a result at the `deadline` has failed.
pub(crate) async fn reserve(
    store: &Store,
    placements: &[Placement],
    deadline: Deadline,
) -> Vec<Result<Outcome, ApplyError>> {
    let candidates = placements.iter().enumerate().map(|(index, placement)| Candidate {
        placement: index,
        plan: Plan::Confirm(placement.claimed.clone()),
        rounds: 0,
    });
    let mut groups = VecDeque::from(pack(candidates.collect()));
    let mut settled = BTreeMap::new();
    while let Some(group) = groups.pop_front() {
        let Ok(round) = deadline.run(attempt(store, placements, group)).await else {
            break;
        };
        let individual = reserve_individually(store, placements, round.short, round.individual, deadline);
        let results = round.settled.into_iter().chain(individual.await);
        settled.extend(results.map(|settled| (settled.placement, settled.result)));
        for group in pack(round.next).into_iter().chain(pack(round.later)).rev() {
            groups.push_front(group);
        }
    }
    let exceeded = || Err(Deadline::exceeded().into());
    (0..placements.len()).map(|index| settled.remove(&index).unwrap_or_else(exceeded)).collect()
}

/// Splits candidates into groups that each fit into one transaction. Candidates for the
/// same product are grouped together and keep their order.
fn pack(mut candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    candidates.sort_by_cached_key(|candidate| {
        candidate.plan.order().lines().next().map(|line| line.product_id.clone())
    });
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    let mut group_products = BTreeSet::new();
    for candidate in candidates {
        let lines = candidate.plan.order().lines();
        let products: BTreeSet<_> = lines.map(|line| line.product_id.clone()).collect();
        let union: BTreeSet<_> = group_products.union(&products).cloned().collect();
        match groups.last_mut() {
            Some(group) if group.len() + 1 + union.len() <= MAX_ACTIONS => {
                group.push(candidate);
                group_products = union;
            }
            _ => {
                group_products = products;
                groups.push(vec![candidate]);
            }
        }
    }
    groups
}

/// Runs one transaction for a group, with retries while every order conflicts with
/// another transaction.
async fn attempt(store: &Store, placements: &[Placement], group: Vec<Candidate>) -> Round {
    let plans: Vec<_> = group.iter().map(|candidate| &candidate.plan).collect();
    let outcome = store.retry_with_policy(BATCH_RETRY_POLICY, async || {
        let outcome = store.reserve_batch(&plans).await?;
        if all_conflict(&outcome, &plans) {
            return Err(ServiceError::Conflict("all orders of a batch conflict".into()));
        }
        Ok(outcome)
    });
    let mut round = Round::default();
    match outcome.await {
        Ok(BatchOutcome::Committed) => {
            let confirmed = Outcome::StatusChanged(OrderAction::Confirm.target());
            let settle = |one: Candidate| Settled { placement: one.placement, result: Ok(confirmed) };
            round.settled = group.into_iter().map(settle).collect();
        }
        Ok(BatchOutcome::Canceled { orders, stock }) => round.sort(placements, group, orders, &stock),
        // Retry individually to find the faulty one.
        Err(ServiceError::Permanent(reason)) => {
            tracing::warn!(reason, orders = group.len(), "batch reservation failed");
            round.individual = group.into_iter().map(|one| one.placement).collect();
        }
        Err(error) => {
            let settle =
                |one: Candidate| Settled { placement: one.placement, result: Err(error.clone().into()) };
            round.settled = group.into_iter().map(settle).collect();
        }
    }
    round
}

fn all_conflict(outcome: &BatchOutcome, plans: &[&Plan]) -> bool {
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
    plan.order().lines().any(|line| stock.get(&line.product_id).is_some_and(&predicate))
}

impl Round {
    /// Sorts the candidates of a canceled transaction by its cancellation reasons.
    fn sort(
        &mut self,
        placements: &[Placement],
        group: Vec<Candidate>,
        orders: Vec<ActionResult<Order>>,
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
                ActionResult::Conflict => self.later.push(candidate),
                ActionResult::Ok => self.sort_by_stock(candidate, stock, &on_hand, &mut remaining),
            }
        }
    }

    /// Plans again for an order that differs from the plan.
    fn replan(&mut self, placements: &[Placement], candidate: Candidate, stored: Option<Order>) {
        let placement = candidate.placement;
        let plan = match stored {
            None => Plan::Create(placements[placement].claimed.clone()),
            Some(order) if transition(order.status, OrderAction::Confirm) == Transition::Allowed => {
                Plan::Confirm(order)
            }
            Some(_) => return self.settled.push(Settled { placement, result: Ok(Outcome::Stale) }),
        };
        self.next.push(Candidate { plan, ..candidate });
    }

    /// Sorts a candidate whose order matches the plan by the results of its lines.
    fn sort_by_stock(
        &mut self,
        candidate: Candidate,
        stock: &ByProduct<ActionResult<u64>>,
        on_hand: &ByProduct<u64>,
        remaining: &mut ByProduct<u64>,
    ) {
        let plan = &candidate.plan;
        let shortages = shortages(plan.order(), on_hand);
        if !shortages.is_empty() {
            self.short.push(ShortCandidate { candidate, shortages });
        } else if any_line(plan, stock, |result| matches!(result, ActionResult::Failed(_))) {
            self.individual.push(candidate.placement);
        } else if any_line(plan, stock, |result| *result == ActionResult::Conflict) {
            self.later.push(candidate);
        } else if take(plan.order(), remaining) {
            self.next.push(candidate);
        } else {
            // The stock suffices only if an earlier candidate gets none.
            self.later.push(candidate);
        }
    }
}

/// Returns the lines that request more than the stock on hand.
fn shortages(order: &Order, on_hand: &ByProduct<u64>) -> Vec<Shortage> {
    order.lines().filter_map(|line| shortage(line, *on_hand.get(&line.product_id)?)).collect()
}

fn shortage(line: &OrderLine, available: u64) -> Option<Shortage> {
    let is_short = available < u64::from(line.quantity.get());
    is_short.then(|| Shortage { product_id: line.product_id.clone(), requested: line.quantity, available })
}

/// Subtracts all lines of an order from the remaining stock, or none if it is short.
fn take(order: &Order, remaining: &mut ByProduct<u64>) -> bool {
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

/// Rejects the orders that are short, and reserves `individual` placements one by one.
async fn reserve_individually(
    store: &Store,
    placements: &[Placement],
    short: Vec<ShortCandidate>,
    individual: Vec<usize>,
    deadline: Deadline,
) -> Vec<Settled> {
    let short = short.into_iter().map(|short| (short.candidate.placement, Some(short)));
    let all = short.chain(individual.into_iter().map(|placement| (placement, None)));
    let reservations = all.map(|(index, short)| {
        let placement = &placements[index];
        let reservation = async move { deadline.run(reserve_one(store, placement, short)).await? };
        reservation.map(move |result| Settled { placement: index, result }).instrument(placement.span.clone())
    });
    stream::iter(reservations).buffer_unordered(MAX_CONCURRENCY).collect().await
}

async fn reserve_one(
    store: &Store,
    placement: &Placement,
    short: Option<ShortCandidate>,
) -> Result<Outcome, ApplyError> {
    let metadata = placement.metadata.as_ref();
    if let Some(ShortCandidate { candidate, shortages }) = short
        && reservation::reject(store, &candidate.plan, shortages, metadata).await? == WriteOutcome::Applied
    {
        return Ok(Outcome::StatusChanged(OrderAction::Reject.target()));
    }
    reservation::reserve(store, &placement.claimed, metadata).await
}
