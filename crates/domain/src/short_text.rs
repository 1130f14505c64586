//! Short texts that people write: names, notes and carriers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text of 1 to [`ShortText::MAX_LENGTH`] characters that displays as one line and in
/// the order it is stored.
///
/// Its debug form shows only the length, because a name is personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShortText(String);

/// A text that breaks a rule of [`ShortText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShortTextError {
    /// The text is empty or too long.
    #[error("must be 1 to {} characters", ShortText::MAX_LENGTH)]
    Length,
    /// The text starts or ends with a space, or has no other character.
    #[error("must not start or end with white space")]
    Untrimmed,
    /// The text has a control character or one that changes the direction of text.
    #[error("must not contain control or text direction characters")]
    Unprintable,
}

impl ShortText {
    /// Maximum length in characters (Unicode scalar values).
    pub const MAX_LENGTH: usize = 200;

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns true for control characters, line separators, and the characters that hide or
/// reorder text (Unicode Standard Annex #9, section 2, and "Trojan Source",
/// CVE-2021-42574).
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl TryFrom<String> for ShortText {
    type Error = ShortTextError;

    fn try_from(text: String) -> Result<Self, ShortTextError> {
        if text.is_empty() || text.chars().nth(Self::MAX_LENGTH).is_some() {
            return Err(ShortTextError::Length);
        }
        if text.chars().any(is_unprintable) {
            return Err(ShortTextError::Unprintable);
        }
        if text.trim().len() != text.len() {
            return Err(ShortTextError::Untrimmed);
        }
        Ok(Self(text))
    }
}

impl FromStr for ShortText {
    type Err = ShortTextError;

    fn from_str(text: &str) -> Result<Self, ShortTextError> {
        text.to_owned().try_into()
    }
}

impl From<ShortText> for String {
    fn from(text: ShortText) -> Self {
        text.0
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortText({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_one_to_200_characters_of_any_script() {
        for good in ["x", "Zoë O'Neill-Müller", "李雷", "مرحبا", "👩‍🚀 crew", &"é".repeat(200)]
        {
            assert_eq!(good.parse::<ShortText>().unwrap().as_str(), good);
        }
        for bad in ["", &"é".repeat(201)] {
            assert_eq!(bad.parse::<ShortText>(), Err(ShortTextError::Length));
        }
    }

    #[test]
    fn rejects_characters_that_hide_or_reorder_text() {
        for c in
            ['\0', '\n', '\t', '\u{7f}', '\u{85}', '\u{200e}', '\u{200f}', '\u{202e}', '\u{2066}', '\u{feff}']
        {
            assert_eq!(format!("a{c}b").parse::<ShortText>(), Err(ShortTextError::Unprintable), "{c:?}");
        }
    }

    #[test]
    fn rejects_white_space_around_the_text() {
        for bad in [" ", " a", "a ", "\u{a0}a"] {
            assert_eq!(bad.parse::<ShortText>(), Err(ShortTextError::Untrimmed), "{bad:?}");
        }
    }

    #[test]
    fn its_debug_form_hides_the_text() {
        assert_eq!(format!("{:?}", "Alice".parse::<ShortText>().unwrap()), "ShortText(5 bytes)");
    }
}
