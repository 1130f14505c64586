//! Points in time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::{datetime, format_description};
use time::{OffsetDateTime, UtcOffset};

/// Always 24 characters, so that timestamps sort as text.
const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A point in time with millisecond precision. Its text form is RFC 3339 in
/// UTC, for example `2025-01-01T00:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(OffsetDateTime);

/// A text that is not an RFC 3339 date and time, or a time that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 date and time")]
pub struct TimestampError;

impl Timestamp {
    /// Latest time that has a four-digit year.
    pub const MAX: Self = Self(datetime!(9999-12-31 23:59:59.999 UTC));

    /// Creates a timestamp from milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`TimestampError`] after the year 9999.
    pub fn from_unix_millis(millis: u64) -> Result<Self, TimestampError> {
        let nanos = i128::from(millis) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).map(Self).map_err(|_| TimestampError)
    }

    /// Returns the milliseconds since `earlier`, or 0 if `earlier` is later.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from((self.0 - earlier.0).whole_milliseconds()).unwrap_or_default()
    }

    /// Returns whole seconds since the Unix epoch, the precision that EventBridge keeps.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError)?;
        let utc = moment.checked_to_offset(UtcOffset::UTC).ok_or(TimestampError)?;
        // RFC 3339 has no year before 0000, but an offset can lead there.
        if utc.year() < 0 {
            return Err(TimestampError);
        }
        utc.replace_millisecond(utc.millisecond()).map(Self).map_err(|_| TimestampError)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(moment: Timestamp) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&FORMAT).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_rfc_3339_in_utc_with_milliseconds() {
        let text = |millis| Timestamp::from_unix_millis(millis).unwrap().to_string();
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_unix_millis(2_999).unwrap().unix_seconds(), 2);
        assert_eq!(text(1_735_689_600_007), "2025-01-01T00:00:00.007Z");
    }

    #[test]
    fn elapsed_time_is_never_negative() {
        let at = |millis| Timestamp::from_unix_millis(millis).unwrap();
        assert_eq!(at(1_735_689_600_007).millis_since(at(1_735_689_598_999)), 1_008);
        assert_eq!(at(1_000).millis_since(at(1_001)), 0);
        assert_eq!(Timestamp::MAX.millis_since(at(0)), 253_402_300_799_999);
    }

    #[test]
    fn parses_any_offset_and_precision() {
        let parse = |text: &str| text.parse::<Timestamp>().unwrap().to_string();
        assert_eq!(parse("2025-01-01T01:00:00+01:00"), "2025-01-01T00:00:00.000Z");
        assert_eq!(parse("2025-01-01T00:00:00.1239Z"), "2025-01-01T00:00:00.123Z");
        for bad in ["", "2025-01-01", "yesterday", "2025-13-01T00:00:00Z"] {
            assert_eq!(bad.parse::<Timestamp>(), Err(TimestampError), "{bad}");
        }
    }

    #[test]
    fn rejects_a_time_that_cannot_be_formatted_and_parsed_again() {
        assert!("0000-01-01T00:00:00Z".parse::<Timestamp>().is_ok());
        for bad in ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(bad.parse::<Timestamp>(), Err(TimestampError), "{bad}");
        }
    }

    #[test]
    fn sorts_as_text() {
        let text = |millis| Timestamp::from_unix_millis(millis).unwrap().to_string();
        assert!(text(999) < text(1_000));
        assert!(text(9_999_999_999) < text(10_000_000_000));
    }

    #[test]
    fn rejects_a_time_after_the_year_9999() {
        assert_eq!(Timestamp::from_unix_millis(u64::MAX), Err(TimestampError));
    }
}
