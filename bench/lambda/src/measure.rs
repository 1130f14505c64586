//! Wall time and memory of targets.

use std::error::Error;
use std::time::Duration;

use crate::baseline::Baseline;
use crate::process::{Process, ProcessError};
use crate::statistics::Distribution;
use crate::target::Target;

/// Invocations before the measured ones. A just-in-time compiler needs them to
/// find the code to compile.
const WARM_UP_INVOCATIONS: usize = 200;
/// Measured warm invocations of each round.
const WARM_INVOCATIONS: usize = 300;

/// The measurements of one process.
#[derive(Debug)]
pub(crate) struct Run {
    /// From the start of the process until it requests its first invocation.
    pub(crate) init: Duration,
    /// The first invocation.
    pub(crate) first_invocation: Duration,
    /// The warm invocations.
    pub(crate) warm_invocations: Vec<Duration>,
    /// The peak resident memory in bytes.
    pub(crate) peak_memory: u64,
}

impl Run {
    /// Returns the time of init and first invocation together.
    pub(crate) fn cold_start(&self) -> Duration {
        self.init + self.first_invocation
    }
}

/// The runs of one target.
#[derive(Debug)]
pub(crate) struct TargetRuns {
    pub(crate) name: &'static str,
    pub(crate) runs: Vec<Run>,
}

impl TargetRuns {
    /// Returns the times until the first request for an invocation.
    pub(crate) fn init(&self) -> Distribution {
        Distribution::of(self.runs.iter().map(|run| run.init))
    }

    /// Returns the times of the first invocations.
    pub(crate) fn first_invocation(&self) -> Distribution {
        Distribution::of(self.runs.iter().map(|run| run.first_invocation))
    }

    /// Returns the times of init and first invocation together.
    pub(crate) fn cold_start(&self) -> Distribution {
        Distribution::of(self.runs.iter().map(Run::cold_start))
    }

    /// Returns the times of the warm invocations.
    pub(crate) fn warm_invocation(&self) -> Distribution {
        Distribution::of(self.runs.iter().flat_map(|run| run.warm_invocations.iter().copied()))
    }

    /// Returns the peak resident memory of any run, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.runs.iter().map(|run| run.peak_memory).max().unwrap_or_default()
    }
}

/// The times of the baseline over all rounds.
#[derive(Debug, Default)]
pub(crate) struct BaselineTimes {
    pub(crate) first: Vec<Duration>,
    /// The warm requests of each round.
    pub(crate) warm: Vec<Vec<Duration>>,
}

/// Measures the baseline and every target once in each round. The order of
/// targets rotates each round to spread background load.
pub(crate) fn measure(
    targets: &[Target],
    baseline: &Baseline,
    rounds: usize,
) -> Result<(Vec<TargetRuns>, BaselineTimes), Box<dyn Error>> {
    let mut runs = no_runs(targets);
    let mut times = BaselineTimes::default();
    for round in 0..rounds {
        let (first, warm) = baseline.measure(WARM_INVOCATIONS)?;
        times.first.push(first);
        times.warm.push(warm);
        run_round(targets, round, run_cold_and_warm, &mut runs)?;
    }
    Ok((runs, times))
}

/// Measures only the cold starts of every target.
pub(crate) fn measure_cold_starts(
    targets: &[Target],
    rounds: usize,
) -> Result<Vec<TargetRuns>, ProcessError> {
    let mut runs = no_runs(targets);
    for round in 0..rounds {
        run_round(targets, round, run_cold, &mut runs)?;
    }
    Ok(runs)
}

fn no_runs(targets: &[Target]) -> Vec<TargetRuns> {
    targets.iter().map(|target| TargetRuns { name: target.name, runs: Vec::new() }).collect()
}

fn run_round(
    targets: &[Target],
    round: usize,
    run: fn(&Target) -> Result<Run, ProcessError>,
    runs: &mut [TargetRuns],
) -> Result<(), ProcessError> {
    for turn in 0..targets.len() {
        let n = (round + turn) % targets.len();
        runs[n].runs.push(run(&targets[n])?);
    }
    eprintln!("round {}", round + 1);
    Ok(())
}

/// Runs a process for a cold start and the warm invocations.
fn run_cold_and_warm(target: &Target) -> Result<Run, ProcessError> {
    let process = Process::start(&target.program)?;
    let invoke = || process.invoke(&target.payload).map(|(time, _)| time);
    let first_invocation = invoke()?;
    for _ in 0..WARM_UP_INVOCATIONS {
        invoke()?;
    }
    let warm_invocations = (0..WARM_INVOCATIONS).map(|_| invoke()).collect::<Result<_, _>>()?;
    let peak_memory = process.peak_memory()?;
    Ok(Run { init: process.init, first_invocation, warm_invocations, peak_memory })
}

/// Runs a process for a cold start only.
fn run_cold(target: &Target) -> Result<Run, ProcessError> {
    let process = Process::start(&target.program)?;
    let (first_invocation, _) = process.invoke(&target.payload)?;
    let peak_memory = process.peak_memory()?;
    Ok(Run { init: process.init, first_invocation, warm_invocations: Vec::new(), peak_memory })
}
