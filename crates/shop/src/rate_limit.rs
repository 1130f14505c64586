//! A limit of the read units that a command uses.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A limiter of the average read units per second.
#[derive(Debug)]
pub(crate) struct RateLimit {
    units_per_second: u32,
    /// Time at which the units of the last call are used up.
    next: Instant,
}

impl RateLimit {
    pub(crate) fn new(units_per_second: u32) -> Self {
        Self { units_per_second, next: Instant::now() }
    }

    /// Waits until the units of the calls so far are used up.
    pub(crate) async fn wait(&self) {
        sleep_until(self.next).await;
    }

    /// Records the units of a call.
    #[expect(clippy::float_arithmetic, reason = "DynamoDB reports units as a float")]
    pub(crate) fn record(&mut self, units: f64) {
        let duration = Duration::from_secs_f64(units.max(0.0) / f64::from(self.units_per_second));
        self.next = self.next.max(Instant::now()) + duration;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_all_calls_are_used_up_one_after_another() {
        let mut limit = RateLimit::new(100);
        let started = limit.next;
        limit.record(50.0);
        limit.record(25.0);
        let delay = limit.next - started;
        assert!((Duration::from_millis(750)..Duration::from_millis(850)).contains(&delay), "{delay:?}");
    }
}
