//! Reservation of many orders in one transaction.
//!
//! The transaction writes a popular product once for all orders instead of once for
//! each. If DynamoDB cancels it, the cancellation reasons show which orders caused
//! that. These are handled separately and the remaining orders are retried together.

mod candidate;
mod packing;
mod round;

pub(crate) use candidate::Placement;

use std::collections::{BTreeMap, VecDeque};

use aws::ServiceError;
use domain::OrderAction;
use futures_util::{StreamExt as _, stream};
use lambda::Deadline;
use tracing::Instrument as _;

use self::candidate::{Candidate, Settled, ShortCandidate};
use self::packing::pack;
use self::round::{Round, all_conflict};
use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::reservation;
use crate::store::{BATCH_RETRY_POLICY, BatchOutcome, Plan, Store, WriteOutcome};

/// Orders that are handled concurrently if each needs its own calls. Each can open a
/// connection, which is expensive for a small function.
pub(crate) const MAX_CONCURRENCY: usize = 8;

/// Reserves the stock of each order and confirms or rejects it, as
/// [`reservation::reserve`] does for one order. Order ids must be distinct.
///
/// Returns one result for each placement, in input order. A placement without a result at
/// the `deadline` has failed.
pub(crate) async fn reserve(
    store: &Store,
    placements: &[Placement],
    deadline: Deadline,
) -> Vec<Result<Outcome, ApplyError>> {
    let candidates = placements.iter().enumerate().map(|(index, placement)| Candidate {
        placement: index,
        plan: Plan::from_claim(&placement.claimed, placement.metadata.as_ref()),
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
        for group in pack(round.retry_first).into_iter().chain(pack(round.retry_later)).rev() {
            groups.push_front(group);
        }
    }
    (0..placements.len())
        .map(|index| settled.remove(&index).unwrap_or_else(|| Err(Deadline::exceeded().into())))
        .collect()
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
            for Candidate { placement, .. } in group {
                let confirmed = Outcome::StatusChanged(OrderAction::Confirm.target());
                round.settled.push(Settled { placement, result: Ok(confirmed) });
            }
        }
        Ok(BatchOutcome::Canceled { orders, stock }) => round.classify(placements, group, orders, &stock),
        // Retry individually to find the faulty one.
        Err(ServiceError::Permanent(reason)) => {
            tracing::warn!(reason, orders = group.len(), "batch reservation failed");
            round.individual = group.into_iter().map(|one| one.placement).collect();
        }
        Err(error) => {
            for Candidate { placement, .. } in group {
                round.settled.push(Settled { placement, result: Err(error.clone().into()) });
            }
        }
    }
    round
}

/// Rejects the orders that are short, and reserves `individual` placements one by one.
async fn reserve_individually(
    store: &Store,
    placements: &[Placement],
    short: Vec<ShortCandidate>,
    individual: Vec<usize>,
    deadline: Deadline,
) -> Vec<Settled> {
    let mut reservations = Vec::with_capacity(short.len() + individual.len());
    for short in short {
        let index = short.candidate.placement;
        reservations.push(reserve_one(store, placements, index, Some(short), deadline));
    }
    for index in individual {
        reservations.push(reserve_one(store, placements, index, None, deadline));
    }
    stream::iter(reservations).buffer_unordered(MAX_CONCURRENCY).collect().await
}

async fn reserve_one(
    store: &Store,
    placements: &[Placement],
    index: usize,
    short: Option<ShortCandidate>,
    deadline: Deadline,
) -> Settled {
    let placement = &placements[index];
    let result = async { deadline.run(reject_or_reserve(store, placement, short)).await? };
    Settled { placement: index, result: result.instrument(placement.span.clone()).await }
}

/// Rejects the order if it is short. Otherwise, or if it changed since, reserves it.
async fn reject_or_reserve(
    store: &Store,
    placement: &Placement,
    short: Option<ShortCandidate>,
) -> Result<Outcome, ApplyError> {
    if let Some(ShortCandidate { candidate, shortages }) = short
        && reservation::reject(store, &candidate.plan, shortages).await? == WriteOutcome::Applied
    {
        return Ok(Outcome::StatusChanged(OrderAction::Reject.target()));
    }
    reservation::reserve(store, &placement.claimed, placement.metadata.as_ref()).await
}
