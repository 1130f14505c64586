//! The clock of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::Timestamp;

/// Milliseconds since the Unix epoch.
///
/// A clock set before 1970 reads as the epoch, and one beyond the range of 64
/// bits as its end; neither is a reason to refuse work.
#[must_use]
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Now, in the same way at most [`Timestamp::MAX`].
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_unix_millis(unix_millis()).unwrap_or(Timestamp::MAX)
}
