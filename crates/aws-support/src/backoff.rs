//! Waiting before another try.

use std::time::Duration;

use crate::fault::Fault;

/// Exponential backoff with full jitter, so that those who collided do not
/// collide again:
/// <https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// How many tries there are in all.
    pub tries: u32,
    /// The longest wait before the second try; it doubles with each further one.
    pub first: Duration,
    /// The longest wait before any try.
    pub longest: Duration,
}

impl Backoff {
    /// Waits before another try, after `tried` of them; tells whether there is one.
    pub async fn wait(&self, tried: u32) -> bool {
        if tried >= self.tries {
            return false;
        }
        tokio::time::sleep(self.ceiling(tried).mul_f64(fastrand::f64())).await;
        true
    }

    /// Runs `attempt` until it does not meet somebody else's transaction, or
    /// there is no further try.
    ///
    /// # Errors
    /// The [`Fault`] of the last attempt.
    pub async fn while_contended<T>(&self, attempt: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
        let mut tried = 0;
        loop {
            let outcome = attempt().await;
            tried += 1;
            if !matches!(outcome, Err(Fault::Contended(_))) || !self.wait(tried).await {
                return outcome;
            }
        }
    }

    fn ceiling(&self, tried: u32) -> Duration {
        let doublings = tried.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { tries: 4, first: Duration::from_millis(10), longest: Duration::from_millis(25) };

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let millis = |tried| BACKOFF.ceiling(tried).as_millis();
        assert_eq!([millis(1), millis(2), millis(3), millis(99)], [10, 20, 25, 25]);
    }

    #[tokio::test]
    async fn only_contention_is_tried_again() {
        let calls = std::cell::Cell::new(0);
        let outcome = BACKOFF.while_contended(async || {
            calls.set(calls.get() + 1);
            match calls.get() {
                1 | 2 => Err(Fault::Contended("held".into())),
                _ => Err::<(), _>(Fault::Broken("wrong".into())),
            }
        });
        assert_eq!(outcome.await, Err(Fault::Broken("wrong".into())));
        assert_eq!(calls.get(), 3);
    }

    #[tokio::test]
    async fn contention_without_end_is_reported() {
        let calls = std::cell::Cell::new(0);
        let outcome = BACKOFF.while_contended(async || {
            calls.set(calls.get() + 1);
            Err::<(), _>(Fault::Contended("held".into()))
        });
        assert_eq!(outcome.await, Err(Fault::Contended("held".into())));
        assert_eq!(calls.get(), 4);
    }

    #[tokio::test]
    async fn there_is_an_end_to_it() {
        assert!(BACKOFF.wait(3).await);
        assert!(!BACKOFF.wait(4).await);
    }
}
