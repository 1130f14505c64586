//! How long the calls of an invocation may take.

use std::time::Duration;

use lambda_support::clock::unix_millis;
use tokio::time::{Instant, timeout_at};

use crate::fault::Fault;

/// What it takes to say what came of an invocation, with something to spare.
const TO_ANSWER: Duration = Duration::from_secs(1);

/// As long as an invocation may take at most:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// When an invocation has to have done with its calls, to still be able to
/// answer. A function that does not answer in time is stopped by Lambda, which
/// then hands over the whole batch again, with all that was done of it.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// A second before Lambda stops the invocation, at this time in milliseconds
    /// since the Unix epoch, as the context has it:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next>
    #[must_use]
    pub fn before(unix_millis_of_end: u64) -> Self {
        let left = Duration::from_millis(unix_millis_of_end.saturating_sub(unix_millis()));
        Self(Instant::now() + for_calls(left))
    }

    /// Does some work; begins nothing, and waits no longer, once the time is over.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if the work was not begun or not ended. What it
    /// called may have taken effect.
    pub async fn limit<T>(self, work: impl Future<Output = T>) -> Result<T, Fault> {
        if Instant::now() >= self.0 {
            return Err(Self::over());
        }
        timeout_at(self.0, work).await.map_err(|_| Self::over())
    }

    /// What becomes of work for which there is no time.
    #[must_use]
    pub fn over() -> Fault {
        Fault::Unavailable("the time of the invocation is over".into())
    }
}

fn for_calls(left: Duration) -> Duration {
    left.min(LONGEST).saturating_sub(TO_ANSWER)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn in_millis(left: u64) -> Deadline {
        Deadline::before(unix_millis() + left)
    }

    #[test]
    fn a_second_is_left_to_answer() {
        let seconds = |left| for_calls(Duration::from_secs(left)).as_secs();
        assert_eq!([0, 1, 2, 30, 900, u64::MAX].map(seconds), [0, 0, 1, 29, 899, 899]);
    }

    #[tokio::test]
    async fn work_ends_when_the_time_is_over() {
        let deadline = in_millis(1_500);
        assert_eq!(deadline.limit(async { 7 }).await, Ok(7));
        assert_eq!(deadline.limit(pending::<()>()).await, Err(Deadline::over()));
    }

    #[tokio::test]
    async fn nothing_is_begun_when_the_time_is_over() {
        for deadline in [in_millis(1_000), in_millis(0), Deadline::before(0)] {
            let begun = async { panic!("begun") };
            assert_eq!(deadline.limit::<()>(begun).await, Err(Deadline::over()));
        }
    }
}
