//! Percentiles and ratios.

use std::time::Duration;

/// Measurements of one quantity, in ascending order.
#[derive(Debug, Clone)]
pub(crate) struct Distribution(Vec<Duration>);

impl Distribution {
    /// Creates a distribution of at least one measurement.
    pub(crate) fn of(measurements: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<_> = measurements.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// Returns the 50th percentile.
    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// Returns the smallest measurement that `percent` of all measurements do
    /// not exceed.
    pub(crate) fn percentile(&self, percent: u8) -> Duration {
        let rank = (self.0.len() * usize::from(percent)).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

/// Divides one duration by another.
pub(crate) fn ratio(dividend: Duration, divisor: Duration) -> f64 {
    dividend.as_secs_f64() / divisor.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: impl IntoIterator<Item = u64>) -> Distribution {
        Distribution::of(values.into_iter().map(Duration::from_millis))
    }

    #[test]
    fn returns_a_measurement_as_percentile() {
        let hundred = millis((1..=100).rev());
        let percentile = |percent| hundred.percentile(percent).as_millis();
        assert_eq!([percentile(1), percentile(50), percentile(99), percentile(100)], [1, 50, 99, 100]);
        assert_eq!(millis([7]).percentile(1), millis([7]).percentile(100));
    }

    #[test]
    fn ignores_an_outlier_in_the_median() {
        assert_eq!(millis([9000, 3, 2]).median(), Duration::from_millis(3));
    }
}
