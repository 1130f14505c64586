//! Many OrderPlaced events at a time: one transaction takes the stock for as
//! many orders as it has room for.
//!
//! A product that everybody wants is thereby written once for all these orders
//! instead of once for each. What the transaction is canceled for says which
//! orders stand in the way; they are set aside, and the others tried again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aws_support::{Deadline, Fault};
use domain::{Change, EventMetadata, Order, ProductId, Shortage, Transition, transition};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tracing::{Instrument as _, Span};

use crate::batch::AT_ONCE;
use crate::failure::Unapplied;
use crate::outcome::Outcome;
use crate::reservation;
use crate::store::{JOINT_CONTENTION, Joint, Plan, Store};
use crate::verdict::Finding;

/// The most actions of one transaction:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const MAX_ACTIONS: usize = 100;

/// How often an order is tried together with others before it is tried alone.
const MAX_ROUNDS: usize = 6;

/// An order as its OrderPlaced event claims it to be.
#[derive(Debug)]
pub(crate) struct Placement {
    pub(crate) claimed: Order,
    pub(crate) metadata: Option<EventMetadata>,
    /// What is logged about it goes here.
    pub(crate) span: Span,
}

/// A placement that is not settled, by its number.
#[derive(Debug)]
struct Candidate {
    number: usize,
    plan: Plan,
    rounds: usize,
}

/// What became of the candidates of one transaction.
#[derive(Debug, Default)]
struct Round {
    settled: Vec<(usize, Result<Outcome, Unapplied>)>,
    /// To be tried again at once, for nothing is known against them any more.
    next: Vec<Candidate>,
    /// To be tried again after those.
    later: Vec<Candidate>,
    /// Short of something on their own.
    short: Vec<(Candidate, Vec<Shortage>)>,
    /// What to do about them is found out without the others.
    alone: Vec<usize>,
}

/// Reserves for each order what it holds, and confirms or rejects it, as
/// [`reservation::reserve`] does for one. The orders differ. The outcomes are in
/// the order of the placements; one does not depend on another. Those that are
/// not settled by the `deadline` have failed.
pub(crate) async fn reserve(
    store: &Store,
    placements: &[Placement],
    deadline: Deadline,
) -> Vec<Result<Outcome, Unapplied>> {
    let candidate = |(number, placement): (usize, &Placement)| {
        let plan = Plan::Confirm(placement.claimed.clone());
        Candidate { number, plan, rounds: 0 }
    };
    let mut groups = VecDeque::from(pack(placements.iter().enumerate().map(candidate).collect()));
    let mut settled = BTreeMap::new();
    while let Some(group) = groups.pop_front() {
        let Ok(round) = deadline.limit(attempt(store, placements, group)).await else {
            break;
        };
        settled.extend(round.settled);
        settled.extend(decide_alone(store, placements, round.short, round.alone, deadline).await);
        for group in pack(round.next).into_iter().chain(pack(round.later)).rev() {
            groups.push_front(group);
        }
    }
    let outcome = |number| settled.remove(&number).unwrap_or_else(|| Err(Deadline::over().into()));
    (0..placements.len()).map(outcome).collect()
}

/// Makes as few groups as it can of which each fits into one transaction. Those
/// who want the same come together, and stay in their order.
fn pack(mut candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    candidates.sort_by_cached_key(|candidate| {
        candidate.plan.order().lines().next().map(|line| line.product_id.clone())
    });
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    let mut products = BTreeSet::new();
    for candidate in candidates {
        let lines = candidate.plan.order().lines();
        let wanted: BTreeSet<_> = lines.map(|line| line.product_id.clone()).collect();
        let union: BTreeSet<_> = products.union(&wanted).cloned().collect();
        match groups.last_mut() {
            Some(group) if group.len() + 1 + union.len() <= MAX_ACTIONS => {
                group.push(candidate);
                products = union;
            }
            _ => {
                products = wanted;
                groups.push(vec![candidate]);
            }
        }
    }
    groups
}

/// Tries one transaction for all of them. While each of them meets somebody
/// else's, it is tried again with full jitter.
async fn attempt(store: &Store, placements: &[Placement], group: Vec<Candidate>) -> Round {
    let plans: Vec<_> = group.iter().map(|candidate| &candidate.plan).collect();
    let outcome = store.while_contended_for(JOINT_CONTENTION, async || {
        let joint = store.reserve_together(&plans).await?;
        if all_contended(&joint, &plans) {
            return Err(Fault::Contended("all orders of a transaction met others".into()));
        }
        Ok(joint)
    });
    let mut round = Round::default();
    match outcome.await {
        Ok(Joint::Done) => {
            let confirmed = Outcome::Became(Change::Confirm.target());
            round.settled = group.into_iter().map(|one| (one.number, Ok(confirmed))).collect();
        }
        Ok(Joint::Canceled { orders, stock }) => round.sort(placements, group, orders, &stock),
        // One of them may be at fault, or all: each for itself gets to know.
        Err(Fault::Broken(reason)) => {
            tracing::warn!(reason, orders = group.len(), "joint reservation failed");
            round.alone = group.into_iter().map(|one| one.number).collect();
        }
        Err(fault) => {
            let failed = |one: Candidate| (one.number, Err(fault.clone().into()));
            round.settled = group.into_iter().map(failed).collect();
        }
    }
    round
}

fn all_contended(joint: &Joint, plans: &[&Plan]) -> bool {
    let Joint::Canceled { orders, stock } = joint else {
        return false;
    };
    plans.iter().zip(orders).all(|(plan, finding)| {
        *finding == Finding::Contended
            || *finding == Finding::Fine && any(plan, stock, |finding| *finding == Finding::Contended)
    })
}

/// Whether what was found about the stock of some line is so.
fn any(plan: &Plan, stock: &BTreeMap<ProductId, Finding<u64>>, is: impl Fn(&Finding<u64>) -> bool) -> bool {
    plan.order().lines().any(|line| stock.get(&line.product_id).is_some_and(&is))
}

impl Round {
    fn sort(
        &mut self,
        placements: &[Placement],
        group: Vec<Candidate>,
        orders: Vec<Finding<Order>>,
        stock: &BTreeMap<ProductId, Finding<u64>>,
    ) {
        // What is left of each product that is too little for all of them.
        let refused = |(product, finding): (&ProductId, &Finding<u64>)| match finding {
            Finding::Refused(level) => Some((product.clone(), level.unwrap_or_default())),
            _ => None,
        };
        let mut left: BTreeMap<_, _> = stock.iter().filter_map(refused).collect();
        let available = left.clone();
        for (mut candidate, finding) in group.into_iter().zip(orders) {
            candidate.rounds += 1;
            if candidate.rounds >= MAX_ROUNDS {
                self.alone.push(candidate.number);
                continue;
            }
            match finding {
                Finding::Refused(stored) => self.plan_anew(placements, candidate, stored),
                Finding::Unexpected(_) => self.alone.push(candidate.number),
                Finding::Contended => self.later.push(candidate),
                Finding::Fine => self.look_at_stock(candidate, stock, &available, &mut left),
            }
        }
    }

    /// The order is not as the plan supposed.
    fn plan_anew(&mut self, placements: &[Placement], candidate: Candidate, stored: Option<Order>) {
        let number = candidate.number;
        let plan = match stored {
            None => Plan::Create(placements[number].claimed.clone()),
            Some(order) if transition(order.status, Change::Confirm) == Transition::Legal => {
                Plan::Confirm(order)
            }
            // A duplicate, or one that comes late: nothing is left to do.
            Some(_) => return self.settled.push((number, Ok(Outcome::Stale))),
        };
        self.next.push(Candidate { plan, ..candidate });
    }

    /// The order is as the plan supposed; its stock is what matters.
    fn look_at_stock(
        &mut self,
        candidate: Candidate,
        stock: &BTreeMap<ProductId, Finding<u64>>,
        available: &BTreeMap<ProductId, u64>,
        left: &mut BTreeMap<ProductId, u64>,
    ) {
        let plan = &candidate.plan;
        let shortages = shortages(plan.order(), available);
        if !shortages.is_empty() {
            self.short.push((candidate, shortages));
        } else if any(plan, stock, |finding| matches!(finding, Finding::Unexpected(_))) {
            self.alone.push(candidate.number);
        } else if any(plan, stock, |finding| *finding == Finding::Contended) {
            self.later.push(candidate);
        } else if take(plan.order(), left) {
            self.next.push(candidate);
        } else {
            // Only those before it leave too little for it, if they get theirs.
            self.later.push(candidate);
        }
    }
}

/// The lines that ask for more than there is, whoever else asks.
fn shortages(order: &Order, available: &BTreeMap<ProductId, u64>) -> Vec<Shortage> {
    let short = order.lines().filter_map(|line| {
        let available = *available.get(&line.product_id)?;
        (available < u64::from(line.quantity.get())).then(|| Shortage {
            product_id: line.product_id.clone(),
            requested: line.quantity,
            available,
        })
    });
    short.collect()
}

/// Takes the lines of an order out of what is left, or nothing of them.
fn take(order: &Order, left: &mut BTreeMap<ProductId, u64>) -> bool {
    if !shortages(order, left).is_empty() {
        return false;
    }
    for line in order.lines() {
        if let Some(left) = left.get_mut(&line.product_id) {
            *left -= u64::from(line.quantity.get());
        }
    }
    true
}

/// Rejects those that are short, and settles the others one by one.
async fn decide_alone(
    store: &Store,
    placements: &[Placement],
    short: Vec<(Candidate, Vec<Shortage>)>,
    alone: Vec<usize>,
    deadline: Deadline,
) -> Vec<(usize, Result<Outcome, Unapplied>)> {
    let short =
        short.into_iter().map(|(candidate, shortages)| (candidate.number, Some((candidate.plan, shortages))));
    let all = short.chain(alone.into_iter().map(|number| (number, None)));
    let decisions = all.map(|(number, short)| {
        let placement = &placements[number];
        let decision = async move { deadline.limit(decide(store, placement, short)).await? };
        decision.map(move |outcome| (number, outcome)).instrument(placement.span.clone())
    });
    stream::iter(decisions).buffer_unordered(AT_ONCE).collect().await
}

async fn decide(
    store: &Store,
    placement: &Placement,
    short: Option<(Plan, Vec<Shortage>)>,
) -> Result<Outcome, Unapplied> {
    let metadata = placement.metadata.as_ref();
    if let Some((plan, shortages)) = short
        && reservation::reject(store, &plan, shortages, metadata).await?
    {
        return Ok(Outcome::Became(Change::Reject.target()));
    }
    reservation::reserve(store, &placement.claimed, metadata).await
}
