//! The results of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use figures::rows::LoadLatency;
use hdrhistogram::Histogram;
use lambda::clock::millis;
use serde::Serialize;

use super::mix::RequestKind;

/// Upper bound of the histograms in microseconds: longer than any timeout.
const MAX_MICROS: u64 = 3_600_000_000;
/// Name of the time from the placement of an order to its decision.
pub(super) const DECISIONS: &str = "placed to decided";
const SIGNIFICANT_DIGITS: u8 = 3;

/// The shares of requests that are at most as slow as the latency, and the number of requests of which one is
/// slower.
const QUANTILES: [(f64, u32); 8] =
    [(0.5, 2), (0.8, 5), (0.9, 10), (0.95, 20), (0.98, 50), (0.99, 100), (0.995, 200), (0.999, 1000)];

/// Latencies.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u64>);

/// A histogram that cannot be created. Its bounds are constants.
#[derive(Debug, thiserror::Error)]
#[error("histogram: {0}")]
pub struct HistogramError(#[from] hdrhistogram::CreationError);

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    /// Number of latencies.
    pub count: u64,
    /// Median.
    pub p50_ms: u64,
    /// 90th percentile.
    pub p90_ms: u64,
    /// 99th percentile.
    pub p99_ms: u64,
    /// Maximum.
    pub max_ms: u64,
}

impl Latencies {
    pub(super) fn new() -> Result<Self, HistogramError> {
        Ok(Self(Histogram::new_with_bounds(1, MAX_MICROS, SIGNIFICANT_DIGITS)?))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(MAX_MICROS));
    }

    /// Returns the latency in whole milliseconds that a share of the requests does not exceed.
    pub(super) fn quantile_ms(&self, share: f64) -> u32 {
        let micros = self.0.value_at_quantile(share);
        u32::try_from(millis(Duration::from_micros(micros))).unwrap_or(u32::MAX)
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        let at = |percentile| millis(Duration::from_micros(self.0.value_at_percentile(percentile)));
        Percentiles {
            count: self.0.len(),
            p50_ms: at(50.0),
            p90_ms: at(90.0),
            p99_ms: at(99.0),
            max_ms: millis(Duration::from_micros(self.0.max())),
        }
    }
}

/// The results of all requests.
#[derive(Debug)]
pub(super) struct Results {
    requests: BTreeMap<RequestKind, Latencies>,
    /// Failed requests by kind and by status or reason.
    pub(super) errors: BTreeMap<String, usize>,
    /// Time from the placement of an order to its confirmation or rejection.
    pub(super) decisions: Latencies,
    pub(super) confirmed: usize,
    pub(super) rejected: usize,
}

impl Results {
    pub(super) fn new() -> Result<Self, HistogramError> {
        let mut requests = BTreeMap::new();
        for kind in RequestKind::ALL {
            requests.insert(kind, Latencies::new()?);
        }
        let decisions = Latencies::new()?;
        Ok(Self { requests, errors: BTreeMap::new(), decisions, confirmed: 0, rejected: 0 })
    }

    /// Records a request that succeeded.
    pub(super) fn record(&mut self, kind: RequestKind, latency: Duration) {
        if let Some(latencies) = self.requests.get_mut(&kind) {
            latencies.record(latency);
        }
    }

    /// Records a request that failed.
    pub(super) fn record_error(&mut self, kind: RequestKind, reason: &str) {
        *self.errors.entry(format!("{}: {reason}", kind.as_str())).or_default() += 1;
    }

    /// Records that an order was confirmed or rejected, this time after it was placed.
    pub(super) fn record_decision(&mut self, is_confirmed: bool, age: Duration) {
        self.decisions.record(age);
        if is_confirmed {
            self.confirmed += 1;
        } else {
            self.rejected += 1;
        }
    }

    /// Returns the distribution of each kind of request that was sent, and of the decisions.
    pub(super) fn distribution(&self) -> Vec<LoadLatency> {
        let requests = self.requests.iter().map(|(action, latencies)| (action.as_str(), latencies));
        let all =
            requests.chain([(DECISIONS, &self.decisions)]).filter(|(_, latencies)| !latencies.0.is_empty());
        all.flat_map(|(name, latencies)| {
            // Fewer requests do not show how slow one in this many is.
            let known = QUANTILES.into_iter().filter(|(_, one_in)| u64::from(*one_in) <= latencies.0.len());
            known.map(|(share, one_in)| LoadLatency {
                request: name.to_owned(),
                one_in,
                latency_ms: latencies.quantile_ms(share),
            })
        })
        .collect()
    }

    /// Returns the percentiles of each kind of request that was sent.
    pub(super) fn percentiles(&self) -> BTreeMap<&'static str, Percentiles> {
        let all = self.requests.iter().map(|(action, latencies)| (action.as_str(), latencies.percentiles()));
        all.filter(|(_, percentiles)| percentiles.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let mut latencies = Latencies::new().unwrap();
        (1..=1000).for_each(|n| latencies.record(Duration::from_millis(n)));
        let Percentiles { count, p50_ms, p90_ms, p99_ms, max_ms } = latencies.percentiles();
        assert_eq!((count, p50_ms, p90_ms, max_ms), (1000, 500, 900, 1000));
        assert!((989..=991).contains(&p99_ms), "{p99_ms}");
    }

    #[test]
    fn counts_failures_by_kind_and_reason() {
        let mut results = Results::new().unwrap();
        results.record(RequestKind::Order, Duration::from_millis(5));
        results.record_error(RequestKind::Order, "503");
        results.record_error(RequestKind::Cancel, "409");
        results.record_error(RequestKind::Order, "503");
        assert_eq!(results.errors, [("cancel: 409".to_owned(), 1), ("order: 503".to_owned(), 2)].into());
        assert_eq!(results.percentiles().keys().collect::<Vec<_>>(), [&"order"]);
    }
}
