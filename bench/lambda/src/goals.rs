//! The goals, and the measured values that decide them.

use std::time::Duration;

use figures::rows::{LambdaGoal, LambdaWarmRatio};

use crate::measure::TargetRuns;
use crate::results::{Results, millions};
use crate::statistics::{Distribution, ratio};
use crate::target::{BOTO3, HELLO_WORLD, NODE, ORDER_SERVICE};

/// The largest peak memory of a function, in bytes.
const MAX_MEMORY: u64 = 6_500_000;
/// The largest deployment package, in bytes.
pub(crate) const MAX_PACKAGE: u64 = 2_700_000;
/// The largest init time, relative to hello-world.
const MAX_INIT_RATIO: f64 = 2.0;
/// The smallest cold start of each peer, relative to order-service.
const MIN_COLD_RATIOS: [(&str, f64); 2] = [(NODE, 40.0), (BOTO3, 80.0)];
/// The smallest warm invocation of each peer, relative to order-service.
const MIN_WARM_RATIO: f64 = 6.0;

/// Compares the measurements with every goal.
pub(crate) fn goals(results: &Results) -> Vec<LambdaGoal> {
    let mut goals = Vec::new();
    for phase in ["init", "first_invocation", "warm_invocation"] {
        for count in &results.instructions {
            for limit in count.limits().into_iter().filter(|limit| limit.phase == phase) {
                let goal = format!("{} instructions", phase.replace('_', " "));
                let met = limit.counted <= limit.limit;
                let values = [millions(limit.limit), millions(limit.counted)];
                goals.push(row(&goal, &count.label(), "at most", values, "million", met));
            }
        }
    }
    let [ours, hello] = [ORDER_SERVICE, HELLO_WORLD].map(|name| median(results, name, TargetRuns::init));
    let init = ratio(ours, hello);
    let goal = format!("init time relative to {HELLO_WORLD}");
    goals.push(row(
        &goal,
        ORDER_SERVICE,
        "at most",
        [MAX_INIT_RATIO, tenths(init)],
        "x",
        init <= MAX_INIT_RATIO,
    ));
    for (peer, min) in MIN_COLD_RATIOS {
        let cold = relative_to_order_service(results, peer, TargetRuns::cold_start);
        let goal = format!("cold start relative to {ORDER_SERVICE}");
        goals.push(row(&goal, peer, "at least", [min, tenths(cold)], "x", cold >= min));
    }
    for (peer, _) in MIN_COLD_RATIOS {
        let warm = relative_to_order_service(results, peer, TargetRuns::warm_invocation);
        let goal = format!("warm p50 relative to {ORDER_SERVICE}");
        goals.push(row(&goal, peer, "at least", [MIN_WARM_RATIO, tenths(warm)], "x", warm >= MIN_WARM_RATIO));
    }
    for runs in results.runs.iter().filter(|runs| ![NODE, BOTO3].contains(&runs.name)) {
        goals.push(size_row("peak memory", runs.name, MAX_MEMORY, runs.peak_memory()));
    }
    for package in &results.packages {
        goals.push(size_row("package", package.name, MAX_PACKAGE, package.bytes));
    }
    goals
}

/// Divides the warm invocation of each peer by that of order-service: the whole
/// time, with order-service as fast as the baseline, and the time above the
/// baseline.
pub(crate) fn warm_ratios(results: &Results) -> Vec<LambdaWarmRatio> {
    let baseline = Distribution::of(results.baseline.warm.iter().copied()).median();
    let ours = median(results, ORDER_SERVICE, TargetRuns::warm_invocation);
    let mut ratios = Vec::new();
    for target in [NODE, BOTO3] {
        let peer = median(results, target, TargetRuns::warm_invocation);
        let above_baseline = ratio(peer.saturating_sub(baseline), ours.saturating_sub(baseline));
        ratios.push(LambdaWarmRatio {
            target: target.to_owned(),
            whole_time: tenths(ratio(peer, ours)),
            order_service_at_baseline: tenths(ratio(peer, baseline)),
            above_baseline: tenths(above_baseline),
        });
    }
    ratios
}

/// A quantity of a target.
type Times = fn(&TargetRuns) -> Distribution;

fn median(results: &Results, name: &str, times: Times) -> Duration {
    results.runs_of(name).map(|runs| times(runs).median()).unwrap_or_default()
}

fn relative_to_order_service(results: &Results, name: &str, times: Times) -> f64 {
    ratio(median(results, name, times), median(results, ORDER_SERVICE, times))
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
