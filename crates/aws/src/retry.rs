//! Retries with exponential backoff and jitter.

use std::time::Duration;

use crate::service_error::ServiceError;

/// Exponential backoff with full jitter, which keeps colliding callers from
/// colliding again:
/// <https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Maximum number of attempts, including the first.
    pub max_attempts: u32,
    /// Upper bound of the delay before the second attempt. It doubles with each further attempt.
    pub base_delay: Duration,
    /// Upper bound of every delay.
    pub max_delay: Duration,
}

impl RetryPolicy {
    /// Waits before the next attempt, after `attempts` of them. Returns false at
    /// once if no attempt remains.
    pub async fn wait(&self, attempts: u32) -> bool {
        if attempts >= self.max_attempts {
            return false;
        }
        tokio::time::sleep(self.delay_bound(attempts).mul_f64(fastrand::f64())).await;
        true
    }

    /// Repeats `operation` while it returns [`ServiceError::Conflict`] and attempts remain.
    ///
    /// # Errors
    /// The [`ServiceError`] of the last attempt.
    pub async fn retry_on_conflict<T>(
        &self,
        operation: impl AsyncFn() -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut attempts = 0;
        loop {
            let result = operation().await;
            attempts += 1;
            if !matches!(result, Err(ServiceError::Conflict(_))) || !self.wait(attempts).await {
                return result;
            }
        }
    }

    fn delay_bound(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(20);
        self.base_delay.saturating_mul(1 << doublings).min(self.max_delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 4,
        base_delay: Duration::from_millis(10),
        max_delay: Duration::from_millis(25),
    };

    #[test]
    fn doubles_the_delay_up_to_the_maximum() {
        let millis = |attempts| POLICY.delay_bound(attempts).as_millis();
        assert_eq!([millis(1), millis(2), millis(3), millis(99)], [10, 20, 25, 25]);
    }

    #[tokio::test]
    async fn retries_conflicts_only() {
        let calls = std::cell::Cell::new(0);
        let result = POLICY.retry_on_conflict(async || {
            calls.set(calls.get() + 1);
            match calls.get() {
                1 | 2 => Err(ServiceError::Conflict("held".into())),
                _ => Err::<(), _>(ServiceError::Permanent("wrong".into())),
            }
        });
        assert_eq!(result.await, Err(ServiceError::Permanent("wrong".into())));
        assert_eq!(calls.get(), 3);
    }

    #[tokio::test]
    async fn returns_the_last_conflict_when_no_attempt_remains() {
        let calls = std::cell::Cell::new(0);
        let result = POLICY.retry_on_conflict(async || {
            calls.set(calls.get() + 1);
            Err::<(), _>(ServiceError::Conflict("held".into()))
        });
        assert_eq!(result.await, Err(ServiceError::Conflict("held".into())));
        assert_eq!(calls.get(), 4);
    }

    #[tokio::test]
    async fn stops_after_the_maximum_number_of_attempts() {
        assert!(POLICY.wait(3).await);
        assert!(!POLICY.wait(4).await);
    }
}
