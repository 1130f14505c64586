//! Exact amounts of money.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// An exact, non-negative amount of money in minor units (hundredths) of the
/// shop's currency. It is never converted to a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

/// A number that is not a valid amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not a JSON number (RFC 8259, section 6).
    #[error("must be a number")]
    NotANumber,
    /// The amount is below zero.
    #[error("must not be negative")]
    Negative,
    /// The amount has a fraction of a hundredth.
    #[error("must not have more than two decimal places")]
    TooPrecise,
    /// The amount is larger than [`Money::MAX`].
    #[error("must be at most {}", Money::MAX)]
    TooLarge,
}

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Smallest amount above zero.
    pub const SMALLEST: Self = Self(1);

    /// Largest amount, 10^12. An IEEE 754 double represents every amount up to it
    /// exactly, so clients that parse JSON numbers as doubles lose nothing.
    pub const MAX: Self = Self(100_000_000_000_000);

    /// Creates an amount from minor units.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] above [`Money::MAX`].
    pub fn from_minor_units(minor_units: u64) -> Result<Self, MoneyError> {
        if minor_units <= Self::MAX.0 { Ok(Self(minor_units)) } else { Err(MoneyError::TooLarge) }
    }

    /// Multiplies the amount; returns `None` above [`Money::MAX`].
    #[must_use]
    pub fn checked_mul(self, factor: u32) -> Option<Self> {
        let minor_units = self.0.checked_mul(u64::from(factor))?;
        Self::from_minor_units(minor_units).ok()
    }

    /// Adds two amounts; returns `None` above [`Money::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_minor_units(self.0.checked_add(other.0)?).ok()
    }
}

/// A JSON number, split into its parts without losing a digit.
struct Decimal {
    negative: bool,
    /// All digits of the mantissa, without the decimal point.
    digits: String,
    /// Power of ten that `digits` is multiplied by.
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        // The JSON parser defines the grammar of a number.
        let text = serde_json::from_str::<&RawValue>(text).ok()?.get();
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // An exponent outside of i64 is clamped: the result is out of range either way.
        let clamped = if power.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
        let power: i64 = power.parse().unwrap_or(clamped);
        let exponent = power.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        Some(Self { negative, digits: format!("{whole}{fraction}"), exponent })
    }

    fn minor_units(&self) -> Result<u64, MoneyError> {
        let significant = self.digits.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        if trimmed.is_empty() {
            return Ok(0);
        }
        if self.negative {
            return Err(MoneyError::Negative);
        }
        let dropped = i64::try_from(significant.len() - trimmed.len()).unwrap_or(i64::MAX);
        let power = self.exponent.saturating_add(dropped).saturating_add(2);
        let power = u32::try_from(power).map_err(|_| MoneyError::for_exponent(power))?;
        let digits: u64 = trimmed.parse().map_err(|_| MoneyError::TooLarge)?;
        10_u64.checked_pow(power).and_then(|scale| digits.checked_mul(scale)).ok_or(MoneyError::TooLarge)
    }
}

impl MoneyError {
    /// Classifies a power of ten that does not fit into 32 bits: too precise below zero, too large above.
    const fn for_exponent(exponent: i64) -> Self {
        if exponent < 0 { Self::TooPrecise } else { Self::TooLarge }
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let decimal = Decimal::parse(text).ok_or(MoneyError::NotANumber)?;
        Self::from_minor_units(decimal.minor_units()?)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Serializes as a JSON number with two decimal places.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str) -> Result<Money, MoneyError> {
        text.parse()
    }

    #[test]
    fn parses_every_digit() {
        for (text, minor_units) in [
            ("279.98", 27_998),
            ("0", 0),
            ("-0", 0),
            ("-0.00", 0),
            ("0e999999999999", 0),
            ("80", 8_000),
            ("80.1", 8_010),
            ("80.1000", 8_010),
            ("8.01e1", 8_010),
            ("8010E-2", 8_010),
            ("801e+1", 801_000),
            ("1000000000000.00", 100_000_000_000_000),
            ("0.07", 7),
            ("0.0700000000000000000000000000000000000000", 7),
        ] {
            assert_eq!(money(text), Ok(Money(minor_units)), "{text}");
        }
    }

    #[test]
    fn names_the_rule_that_an_invalid_amount_breaks() {
        for (text, why) in [
            ("", MoneyError::NotANumber),
            ("\"1\"", MoneyError::NotANumber),
            ("null", MoneyError::NotANumber),
            ("NaN", MoneyError::NotANumber),
            (".5", MoneyError::NotANumber),
            ("01", MoneyError::NotANumber),
            ("+1", MoneyError::NotANumber),
            ("-0.01", MoneyError::Negative),
            ("-1e-999", MoneyError::Negative),
            ("0.001", MoneyError::TooPrecise),
            ("1.005", MoneyError::TooPrecise),
            ("1e-3", MoneyError::TooPrecise),
            ("1000000000000.01", MoneyError::TooLarge),
            ("1e13", MoneyError::TooLarge),
            ("1e400", MoneyError::TooLarge),
            ("1e99999999999999999999", MoneyError::TooLarge),
            ("1e-99999999999999999999", MoneyError::TooPrecise),
            ("99999999999999999999999", MoneyError::TooLarge),
        ] {
            assert_eq!(money(text), Err(why), "{text}");
        }
    }

    #[test]
    fn checked_arithmetic_stops_at_the_maximum() {
        assert_eq!(Money(7_999).checked_mul(1000), Some(Money(7_999_000)));
        assert_eq!(Money::MAX.checked_mul(1000), None);
        assert_eq!(Money::MAX.checked_mul(1), Some(Money::MAX));
        assert_eq!(Money(1).checked_add(Money(2)), Some(Money(3)));
        assert_eq!(Money::MAX.checked_add(Money(1)), None);
        assert_eq!(Money::MAX.checked_add(Money(0)), Some(Money::MAX));
    }

    #[test]
    fn json_keeps_the_exact_number() {
        let amount: Money = serde_json::from_str("279.98").unwrap();
        assert_eq!(serde_json::to_string(&amount).unwrap(), "279.98");
        assert!(serde_json::from_str::<Money>("\"279.98\"").is_err());
    }

    proptest! {
        #[test]
        fn round_trips_through_text_and_json(minor_units in 0..=Money::MAX.0) {
            let amount = Money(minor_units);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
        }

        #[test]
        fn never_panics_on_any_text(text in "-?[0-9]{0,30}(\\.[0-9]{0,30})?([eE][+-]?[0-9]{0,25})?") {
            let _ = money(&text);
        }
    }
}
