//! Medians and spread.

use std::time::Duration;

/// Measurements of one thing, smallest first.
#[derive(Debug, Clone)]
pub(crate) struct Distribution(Vec<Duration>);

impl Distribution {
    /// Of at least one measurement.
    pub(crate) fn of(measurements: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<_> = measurements.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The smallest measurement that `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

/// How many times `one` the `other` is.
pub(crate) fn ratio(other: Duration, one: Duration) -> f64 {
    other.as_secs_f64() / one.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: impl IntoIterator<Item = u64>) -> Distribution {
        Distribution::of(values.into_iter().map(Duration::from_millis))
    }

    #[test]
    fn a_percentile_is_one_of_the_measurements() {
        let hundred = millis((1..=100).rev());
        let percentile = |percent| hundred.percentile(percent).as_millis();
        assert_eq!([percentile(1), percentile(50), percentile(99), percentile(100)], [1, 50, 99, 100]);
        assert_eq!(millis([7]).percentile(1), millis([7]).percentile(100));
    }

    #[test]
    fn the_median_is_not_moved_by_one_that_is_far_off() {
        assert_eq!(millis([9000, 3, 2]).median(), Duration::from_millis(3));
    }
}
