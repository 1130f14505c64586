//! The measurements of `bench measure`.

use std::time::Duration;

use figures::rows::{LambdaInstructions, LambdaLatency, LambdaSetup, LambdaSize};

use crate::instructions::InstructionCount;
use crate::measure::{BaselineTimes, TargetRuns};
use crate::statistics::Distribution;
use crate::target::Transport;

/// The name of the baseline in the figures.
pub(crate) const BASELINE: &str = "DynamoDB requests without Lambda";

const SPREAD: [u8; 3] = [10, 50, 90];
const SPREAD_WITH_TAIL: [u8; 4] = [10, 50, 90, 99];

/// All measurements.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) setup: Vec<LambdaSetup>,
    pub(crate) runs: Vec<TargetRuns>,
    /// Cold starts over TLS.
    pub(crate) tls_runs: Vec<TargetRuns>,
    pub(crate) baseline: BaselineTimes,
    pub(crate) instructions: Vec<InstructionCount>,
    pub(crate) packages: Vec<PackageSize>,
}

/// The size of a function's deployment package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackageSize {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
}

impl Results {
    /// Returns the percentiles of every phase.
    pub(crate) fn latency(&self) -> Vec<LambdaLatency> {
        let mut rows = Vec::new();
        for runs in &self.runs {
            push_cold_start(&mut rows, runs, Transport::Http);
            push_warm_invocation(&mut rows, runs.name, &runs.warm_invocation());
        }
        let first = Distribution::of(self.baseline.first.iter().copied());
        push(&mut rows, BASELINE, Transport::Http, "first_invocation", &SPREAD, &first);
        let warm = Distribution::of(self.baseline.warm.iter().flatten().copied());
        push_warm_invocation(&mut rows, BASELINE, &warm);
        for runs in &self.tls_runs {
            push_cold_start(&mut rows, runs, Transport::Https);
        }
        rows
    }

    /// Returns the instructions of every phase.
    pub(crate) fn instruction_rows(&self) -> Vec<LambdaInstructions> {
        let mut rows = Vec::new();
        for count in &self.instructions {
            for (phase, instructions) in count.instructions.phases() {
                rows.push(LambdaInstructions {
                    target: count.name.to_owned(),
                    transport: count.transport.to_string(),
                    phase: phase.to_owned(),
                    millions: millions(instructions),
                });
            }
        }
        rows
    }

    /// Returns the sizes of processes and packages.
    pub(crate) fn sizes(&self) -> Vec<LambdaSize> {
        let memory = self.runs.iter().map(|runs| (runs.name, "peak_memory", runs.peak_memory()));
        let packages = self.packages.iter().map(|package| (package.name, "package", package.bytes));
        let rows = memory.chain(packages).map(|(target, measure, bytes)| LambdaSize {
            target: target.to_owned(),
            measure: measure.to_owned(),
            megabytes: millions(bytes),
        });
        rows.collect()
    }
}

fn push_cold_start(rows: &mut Vec<LambdaLatency>, runs: &TargetRuns, transport: Transport) {
    push(rows, runs.name, transport, "init", &SPREAD, &runs.init());
    push(rows, runs.name, transport, "first_invocation", &SPREAD, &runs.first_invocation());
    push(rows, runs.name, transport, "cold_start", &SPREAD, &runs.cold_start());
}

fn push_warm_invocation(rows: &mut Vec<LambdaLatency>, target: &str, times: &Distribution) {
    push(rows, target, Transport::Http, "warm_invocation", &SPREAD_WITH_TAIL, times);
}

fn push(
    rows: &mut Vec<LambdaLatency>,
    target: &str,
    transport: Transport,
    phase: &str,
    percentiles: &[u8],
    times: &Distribution,
) {
    for &percentile in percentiles {
        rows.push(LambdaLatency {
            target: target.to_owned(),
            transport: transport.to_string(),
            phase: phase.to_owned(),
            percentile,
            milliseconds: milliseconds(times.percentile(percentile)),
        });
    }
}

/// Converts to milliseconds, rounded to hundredths.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}

/// Converts to millions, rounded to hundredths.
pub(crate) fn millions(count: u64) -> f64 {
    (count as f64 / 1e4).round() / 1e2
}
