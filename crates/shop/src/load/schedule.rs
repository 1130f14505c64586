//! The times at which requests are sent.

use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;

/// The distribution of the times between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    /// Equal times
    Constant,
    /// Random times, as of clients that do not know each other
    Poisson,
}

/// Returns the times of all requests after the start. On average there are `rate` a second. They do not depend
/// on the responses, so a slow system gets the same load as a fast one.
#[expect(clippy::float_arithmetic, reason = "the exponential distribution is continuous")]
pub(super) fn schedule(arrivals: Arrivals, rate: u32, duration: Duration, rng: &mut Rng) -> Vec<Duration> {
    let mean = Duration::from_secs(1) / rate;
    let mut times = Vec::new();
    let mut time = Duration::ZERO;
    loop {
        time += match arrivals {
            Arrivals::Constant => mean,
            // `1 - f64` is never 0.
            Arrivals::Poisson => mean.mul_f64(-(1.0 - rng.f64()).ln()),
        };
        if time > duration {
            return times;
        }
        times.push(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn constant_arrivals_have_equal_distances() {
        let times = schedule(Arrivals::Constant, 20, MINUTE, &mut Rng::with_seed(1));
        assert_eq!(times.len(), 1200);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(50)));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_vary() {
        let times = schedule(Arrivals::Poisson, 100, MINUTE, &mut Rng::with_seed(1));
        assert!((5_600..6_400).contains(&times.len()), "{} requests", times.len());
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // A share of 1/e is longer than the mean.
        let long = gaps.iter().filter(|gap| **gap > Duration::from_millis(10)).count();
        assert!((gaps.len() * 33 / 100..gaps.len() * 41 / 100).contains(&long), "{long} of {}", gaps.len());
        assert_eq!(times, schedule(Arrivals::Poisson, 100, MINUTE, &mut Rng::with_seed(1)));
    }
}
