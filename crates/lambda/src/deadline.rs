//! The deadline of an invocation.

use std::time::Duration;

use aws::ServiceError;
use tokio::time::{Instant, timeout_at};

use crate::clock::unix_millis;

/// Time reserved for the response.
const RESPONSE_MARGIN: Duration = Duration::from_secs(1);

/// Additional time reserved for the response to a request. API Gateway waits 29 seconds for it:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const REQUEST_MARGIN: Duration = Duration::from_secs(3);

/// Maximum duration of an invocation:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const MAX_DURATION: Duration = Duration::from_secs(15 * 60);

/// The latest time to finish calls and still respond.
///
/// Lambda stops a function that does not respond in time and retries the whole
/// batch, including the records that are done.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// Creates a deadline one second before Lambda stops the invocation.
    /// `end_unix_millis` is the deadline in the invocation context, in milliseconds
    /// since the Unix epoch:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next>
    #[must_use]
    pub fn with_margin(end_unix_millis: u64) -> Self {
        let remaining = Duration::from_millis(end_unix_millis.saturating_sub(unix_millis()));
        Self(Instant::now() + without_margin(remaining))
    }

    /// Returns the deadline of a request: API Gateway still gets the response in time if the
    /// function's timeout is at most a second longer than that of API Gateway.
    #[must_use]
    pub fn of_request(self) -> Self {
        self.minus(REQUEST_MARGIN)
    }

    /// Returns a deadline that leaves `time` for work after it.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        Self(self.0.checked_sub(time).unwrap_or_else(Instant::now))
    }

    /// Runs `work` until the deadline. Starts nothing after it.
    ///
    /// # Errors
    /// [`ServiceError::Transient`] if the work did not finish. Its calls may have
    /// taken effect.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> Result<T, ServiceError> {
        if Instant::now() >= self.0 {
            return Err(Self::exceeded());
        }
        timeout_at(self.0, work).await.map_err(|_| Self::exceeded())
    }

    /// Returns the error of work that did not finish before the deadline.
    #[must_use]
    pub fn exceeded() -> ServiceError {
        ServiceError::Transient("invocation deadline exceeded".into())
    }
}

fn without_margin(remaining: Duration) -> Duration {
    remaining.min(MAX_DURATION).saturating_sub(RESPONSE_MARGIN)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn deadline_in_millis(remaining: u64) -> Deadline {
        Deadline::with_margin(unix_millis() + remaining)
    }

    #[test]
    fn reserves_a_second_for_the_response() {
        let seconds = |remaining| without_margin(Duration::from_secs(remaining)).as_secs();
        assert_eq!([0, 1, 2, 30, 900, u64::MAX].map(seconds), [0, 0, 1, 29, 899, 899]);
    }

    #[tokio::test]
    async fn leaves_time_for_later_work() {
        let deadline = deadline_in_millis(10_000);
        assert_eq!(deadline.minus(Duration::from_secs(4)).run(async { 7 }).await, Ok(7));
        assert_eq!(deadline.minus(Duration::from_secs(9)).run(async { 7 }).await, Err(Deadline::exceeded()));
    }

    #[tokio::test]
    async fn stops_work_at_the_deadline() {
        let deadline = deadline_in_millis(1_500);
        assert_eq!(deadline.run(async { 7 }).await, Ok(7));
        assert_eq!(deadline.run(pending::<()>()).await, Err(Deadline::exceeded()));
    }

    #[tokio::test]
    async fn starts_no_work_after_the_deadline() {
        for deadline in [deadline_in_millis(1_000), deadline_in_millis(0), Deadline::with_margin(0)] {
            let work = async { panic!("started") };
            assert_eq!(deadline.run::<()>(work).await, Err(Deadline::exceeded()));
        }
    }
}
