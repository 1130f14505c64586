//! The report of a load.

use std::collections::BTreeMap;
use std::fmt;

use figures::rows::LoadLatency;
use serde::Serialize;

use super::results::{DECISIONS, Percentiles, Results};

/// The result of a load.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// Name of the stack.
    pub stack: String,
    /// Requests a second.
    pub rate: u32,
    /// Seconds for which requests were sent.
    pub seconds: u64,
    /// Latency of each kind of request, from the time at which it was due.
    pub requests: BTreeMap<&'static str, Percentiles>,
    /// Time from the placement of an order to its confirmation or rejection.
    pub decisions: Percentiles,
    /// Orders that were confirmed.
    pub confirmed: usize,
    /// Orders that were rejected.
    pub rejected: usize,
    /// Placed orders that were neither confirmed nor rejected, nor canceled by this load, when the report was made.
    pub undecided: usize,
    /// Failed requests by kind and by status or reason.
    pub errors: BTreeMap<String, usize>,
    /// Distribution of the latencies.
    pub distribution: Vec<LoadLatency>,
}

impl LoadReport {
    pub(super) fn of(stack: &str, rate: u32, seconds: u64, results: &Results, undecided: usize) -> Self {
        Self {
            stack: stack.to_owned(),
            rate,
            seconds,
            requests: results.percentiles(),
            decisions: results.decisions.percentiles(),
            confirmed: results.confirmed,
            rejected: results.rejected,
            undecided,
            errors: results.errors.clone(),
            distribution: results.distribution(),
        }
    }

    /// Returns 0 if every request succeeded and every order was decided, otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.errors.is_empty() || self.undecided > 0)
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} requests a second for {} s", self.stack, self.rate, self.seconds)?;
        writeln!(f, "{:<24}{:>8}{:>9}{:>9}{:>9}{:>9}", "", "count", "p50 ms", "p90 ms", "p99 ms", "max ms")?;
        let decisions = (DECISIONS, &self.decisions);
        for (name, each) in self.requests.iter().map(|(name, each)| (*name, each)).chain([decisions]) {
            let Percentiles { count, p50_ms, p90_ms, p99_ms, max_ms } = each;
            writeln!(f, "{name:<24}{count:>8}{p50_ms:>9}{p90_ms:>9}{p99_ms:>9}{max_ms:>9}")?;
        }
        writeln!(
            f,
            "{} confirmed, {} rejected, {} undecided",
            self.confirmed, self.rejected, self.undecided
        )?;
        for (error, count) in &self.errors {
            writeln!(f, "{count} failed, {error}")?;
        }
        Ok(())
    }
}
