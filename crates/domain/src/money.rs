//! Exact amounts of money.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::lines::Quantity;

/// An amount of money in hundredths of the shop's currency: exact, never
/// negative, and never a float on its way from JSON to storage and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

/// Why a number is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
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
    /// The largest amount: a trillion, far above any order and far below what
    /// an IEEE 754 double holds exactly, for the sake of clients that use one.
    pub const MAX: Self = Self(100_000_000_000_000);

    /// An amount from hundredths of the currency.
    ///
    /// # Errors
    /// [`InvalidMoney::TooLarge`] above [`Money::MAX`].
    pub fn from_hundredths(hundredths: u64) -> Result<Self, InvalidMoney> {
        if hundredths <= Self::MAX.0 { Ok(Self(hundredths)) } else { Err(InvalidMoney::TooLarge) }
    }

    /// The price of `quantity` pieces, or `None` above [`Money::MAX`].
    #[must_use]
    pub fn times(self, quantity: Quantity) -> Option<Self> {
        let hundredths = self.0.checked_mul(u64::from(quantity.get()))?;
        Self::from_hundredths(hundredths).ok()
    }

    /// The sum of both amounts, or `None` above [`Money::MAX`].
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        Self::from_hundredths(self.0.checked_add(other.0)?).ok()
    }
}

/// A JSON number, taken apart without losing a digit.
struct Decimal {
    negative: bool,
    /// All digits of the mantissa, without the point.
    digits: String,
    /// The number is `digits` times ten to this power.
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        // One definition of a number's grammar is enough: the JSON parser's.
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
        // A power that no i64 holds is as good as the largest one that a sum may take.
        let beyond = if power.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
        let power: i64 = power.parse().unwrap_or(beyond);
        let exponent = power.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        Some(Self { negative, digits: format!("{whole}{fraction}"), exponent })
    }

    fn hundredths(&self) -> Result<u64, InvalidMoney> {
        let significant = self.digits.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        if trimmed.is_empty() {
            return Ok(0);
        }
        if self.negative {
            return Err(InvalidMoney::Negative);
        }
        let dropped = i64::try_from(significant.len() - trimmed.len()).unwrap_or(i64::MAX);
        let power = self.exponent.saturating_add(dropped).saturating_add(2);
        let power = u32::try_from(power).map_err(|_| InvalidMoney::TooPrecise.or_large(power))?;
        let digits: u64 = trimmed.parse().map_err(|_| InvalidMoney::TooLarge)?;
        10_u64.checked_pow(power).and_then(|scale| digits.checked_mul(scale)).ok_or(InvalidMoney::TooLarge)
    }
}

impl InvalidMoney {
    /// A power of ten that does not fit is too precise below zero, too large above.
    const fn or_large(self, power: i64) -> Self {
        if power < 0 { self } else { Self::TooLarge }
    }
}

impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let decimal = Decimal::parse(text).ok_or(InvalidMoney::NotANumber)?;
        Self::from_hundredths(decimal.hundredths()?)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// As a JSON number with two decimal places.
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

    fn money(text: &str) -> Result<Money, InvalidMoney> {
        text.parse()
    }

    #[test]
    fn a_number_is_read_to_the_last_digit() {
        for (text, hundredths) in [
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
            assert_eq!(money(text), Ok(Money(hundredths)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_says_why() {
        for (text, why) in [
            ("", InvalidMoney::NotANumber),
            ("\"1\"", InvalidMoney::NotANumber),
            ("null", InvalidMoney::NotANumber),
            ("NaN", InvalidMoney::NotANumber),
            (".5", InvalidMoney::NotANumber),
            ("01", InvalidMoney::NotANumber),
            ("+1", InvalidMoney::NotANumber),
            ("-0.01", InvalidMoney::Negative),
            ("-1e-999", InvalidMoney::Negative),
            ("0.001", InvalidMoney::TooPrecise),
            ("1.005", InvalidMoney::TooPrecise),
            ("1e-3", InvalidMoney::TooPrecise),
            ("1000000000000.01", InvalidMoney::TooLarge),
            ("1e13", InvalidMoney::TooLarge),
            ("1e400", InvalidMoney::TooLarge),
            ("1e99999999999999999999", InvalidMoney::TooLarge),
            ("1e-99999999999999999999", InvalidMoney::TooPrecise),
            ("99999999999999999999999", InvalidMoney::TooLarge),
        ] {
            assert_eq!(money(text), Err(why), "{text}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_largest_amount() {
        let thousand = Quantity::new(1000).unwrap();
        assert_eq!(Money(7_999).times(thousand), Some(Money(7_999_000)));
        assert_eq!(Money::MAX.times(thousand), None);
        assert_eq!(Money::MAX.times(Quantity::new(1).unwrap()), Some(Money::MAX));
        assert_eq!(Money(1).plus(Money(2)), Some(Money(3)));
        assert_eq!(Money::MAX.plus(Money(1)), None);
        assert_eq!(Money::MAX.plus(Money(0)), Some(Money::MAX));
    }

    #[test]
    fn json_keeps_the_number_as_it_is_written() {
        let amount: Money = serde_json::from_str("279.98").unwrap();
        assert_eq!(serde_json::to_string(&amount).unwrap(), "279.98");
        assert!(serde_json::from_str::<Money>("\"279.98\"").is_err());
    }

    proptest! {
        #[test]
        fn every_amount_survives_text_and_json(hundredths in 0..=Money::MAX.0) {
            let amount = Money(hundredths);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "-?[0-9]{0,30}(\\.[0-9]{0,30})?([eE][+-]?[0-9]{0,25})?") {
            let _ = money(&text);
        }
    }
}
