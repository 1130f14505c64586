//! The goals, and the measured values that decide them.

use std::time::Duration;

use figures::rows::{LambdaGoal, LambdaWarmRatio};

use crate::measure::{Run, TargetRuns};
use crate::results::{Results, millions};
use crate::statistics::{Distribution, ratio};
use crate::target::{BOTO3, HELLO_WORLD, NODE, ORDER_SERVICE, RUST, Transport};

/// The largest number of instructions of a phase, in millions.
const MAX_INSTRUCTIONS: [(&str, Transport, &str, f64); 5] = [
    (HELLO_WORLD, Transport::Http, "init", 0.16),
    (ORDER_SERVICE, Transport::Http, "init", 0.65),
    (ORDER_SERVICE, Transport::Http, "first_invocation", 1.5),
    (ORDER_SERVICE, Transport::Https, "first_invocation", 3.9),
    (ORDER_SERVICE, Transport::Http, "warm_invocation", 1.3),
];
/// The largest peak memory of a function, in bytes.
const MAX_MEMORY: u64 = 6_500_000;
/// The largest deployment package, in bytes.
pub(crate) const MAX_PACKAGE: u64 = 2_600_000;
/// The smallest cold start of each peer, relative to order-service.
const MIN_COLD_RATIOS: [(&str, f64); 2] = [(NODE, 50.0), (BOTO3, 100.0)];
/// The smallest cold start of each peer over TLS, relative to order-service.
const MIN_TLS_COLD_RATIOS: [(&str, f64); 2] = [(NODE, 40.0), (BOTO3, 65.0)];
/// The smallest time of a warm invocation above the baseline, relative to order-service.
const MIN_WARM_RATIOS: [(&str, f64); 2] = [(NODE, 6.5), (BOTO3, 8.0)];

/// Compares the measurements with every goal.
pub(crate) fn goals(results: &Results) -> Vec<LambdaGoal> {
    let mut goals = Vec::new();
    for (name, transport, phase, max) in MAX_INSTRUCTIONS {
        let mut counts = results.instructions.iter();
        if let Some(count) = counts.find(|count| (count.name, count.transport) == (name, transport))
            && let Some((_, counted)) =
                count.instructions.phases().into_iter().find(|(name, _)| *name == phase)
        {
            let (goal, counted) = (format!("{} instructions", phase.replace('_', " ")), millions(counted));
            goals.push(row(&goal, &count.label(), "at most", [max, counted], "million", counted <= max));
        }
    }
    for (ratios, runs, goal) in [
        (MIN_COLD_RATIOS, &results.runs, "cold start"),
        (MIN_TLS_COLD_RATIOS, &results.tls_runs, "cold start over TLS"),
    ] {
        for (peer, min) in ratios {
            let cold = median_ratio(runs, peer, |peer, ours| ratio(peer.cold_start(), ours.cold_start()));
            let goal = format!("{goal} relative to {ORDER_SERVICE}");
            goals.push(row(&goal, peer, "at least", [min, tenths(cold)], "x", cold >= min));
        }
    }
    for ((peer, min), ratios) in MIN_WARM_RATIOS.into_iter().zip(warm_ratios(results)) {
        let goal = format!("warm invocation above the baseline, relative to {ORDER_SERVICE}");
        let warm = ratios.above_baseline;
        goals.push(row(&goal, peer, "at least", [min, warm], "x", warm >= min));
    }
    for runs in results.runs.iter().filter(|runs| ![RUST, NODE, BOTO3].contains(&runs.name)) {
        goals.push(size_row("peak memory", runs.name, MAX_MEMORY, runs.peak_memory()));
    }
    for package in &results.packages {
        goals.push(size_row("package", package.name, MAX_PACKAGE, package.bytes));
    }
    goals
}

/// Divides the warm invocation of each peer by that of order-service: the whole
/// time, with order-service as fast as the baseline, and the time above the
/// baseline. Each ratio is the median of the ratios of each round.
pub(crate) fn warm_ratios(results: &Results) -> Vec<LambdaWarmRatio> {
    [NODE, BOTO3].map(|peer| warm_ratio(results, peer)).into()
}

fn warm_ratio(results: &Results, peer: &str) -> LambdaWarmRatio {
    let runs = runs_of(&results.runs, peer).iter().zip(runs_of(&results.runs, ORDER_SERVICE));
    let rounds = runs.zip(&results.baseline.warm).map(|((peer, ours), baseline)| {
        [&peer.warm_invocations, &ours.warm_invocations, baseline]
            .map(|times| Distribution::of(times.iter().copied()).median())
    });
    let rounds: Vec<_> = rounds.collect();
    let median_of =
        |ratio_of: fn([Duration; 3]) -> f64| tenths(median(rounds.iter().copied().map(ratio_of).collect()));
    LambdaWarmRatio {
        target: peer.to_owned(),
        whole_time: median_of(|[peer, ours, _]| ratio(peer, ours)),
        order_service_at_baseline: median_of(|[peer, _, baseline]| ratio(peer, baseline)),
        above_baseline: median_of(|[peer, ours, baseline]| {
            ratio(peer.saturating_sub(baseline), ours.saturating_sub(baseline))
        }),
    }
}

/// Returns the median of the ratios of a peer to order-service, one for each round. Both run in
/// the same round one after the other, so a busy machine slows both.
fn median_ratio(all: &[TargetRuns], peer: &str, of: impl Fn(&Run, &Run) -> f64) -> f64 {
    let runs = runs_of(all, peer).iter().zip(runs_of(all, ORDER_SERVICE));
    median(runs.map(|(peer, ours)| of(peer, ours)).collect())
}

/// Returns the runs of a target, one for each round.
fn runs_of<'a>(all: &'a [TargetRuns], name: &str) -> &'a [Run] {
    all.iter().find(|runs| runs.name == name).map_or(&[], |runs| &runs.runs)
}

/// Returns the median of some ratios.
fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}

fn row(
    goal: &str,
    subject: &str,
    bound: &str,
    [limit, measured]: [f64; 2],
    unit: &str,
    met: bool,
) -> LambdaGoal {
    LambdaGoal {
        goal: goal.to_owned(),
        subject: subject.to_owned(),
        bound: bound.to_owned(),
        limit,
        measured,
        unit: unit.to_owned(),
        met: if met { "yes" } else { "no" }.to_owned(),
    }
}

fn size_row(goal: &str, subject: &str, limit: u64, bytes: u64) -> LambdaGoal {
    row(goal, subject, "at most", [millions(limit), millions(bytes)], "MB", bytes <= limit)
}

/// Rounds to tenths.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
