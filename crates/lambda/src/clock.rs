//! The system clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Timestamp;

/// Returns milliseconds since the Unix epoch, clamped to the range of `u64`.
#[must_use]
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the current time, at most [`Timestamp::MAX`].
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_unix_millis(unix_millis()).unwrap_or(Timestamp::MAX)
}

/// Returns a duration in whole milliseconds.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
