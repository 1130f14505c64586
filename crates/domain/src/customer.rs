//! Customers.

use std::fmt;
use std::str::FromStr;

use crate::ids::CustomerId;
use crate::short_text::is_unprintable;

/// A customer. The debug form shows only the id, because the rest is personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Customer {
    /// Identifier, which is also the username of the customer's access token.
    pub id: CustomerId,
    /// Email address.
    pub email: String,
    /// Display name.
    pub name: String,
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An email address: a local part, `@` and a domain. Only a message to the address can
/// show that it exists.
///
/// Its debug form shows only the length, because an address is personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// A text that is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    /// The text is longer than [`EmailAddress::MAX_LENGTH`].
    #[error("must be at most {} characters", EmailAddress::MAX_LENGTH)]
    Length,
    /// The text does not have exactly one `@` between two parts.
    #[error("must have one @ between two parts")]
    Parts,
    /// The text has white space, a control character or one that changes the direction of text.
    #[error("must not contain white space, control or text direction characters")]
    Unprintable,
}

impl EmailAddress {
    /// Maximum length in characters (RFC 5321, section 4.5.3.1.3, without the brackets).
    pub const MAX_LENGTH: usize = 254;

    /// Returns the address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailAddressError;

    fn try_from(text: String) -> Result<Self, EmailAddressError> {
        if text.chars().nth(Self::MAX_LENGTH).is_some() {
            return Err(EmailAddressError::Length);
        }
        if text.chars().any(|c| c.is_whitespace() || is_unprintable(c)) {
            return Err(EmailAddressError::Unprintable);
        }
        match text.split_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
                Ok(Self(text))
            }
            _ => Err(EmailAddressError::Parts),
        }
    }
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        text.to_owned().try_into()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EmailAddress, EmailAddressError> {
        text.parse()
    }

    #[test]
    fn accepts_up_to_254_characters_around_one_at_sign() {
        let longest = format!("{}@example.com", "x".repeat(242));
        for good in ["a@b", "zoë+shop@münchen.example", "o'neill@example.com", &longest] {
            assert_eq!(parse(good).unwrap().as_str(), good);
        }
        assert_eq!(parse(&format!("x{longest}")), Err(EmailAddressError::Length));
        assert_eq!(parse(&"é".repeat(254)), Err(EmailAddressError::Parts));
    }

    #[test]
    fn rejects_a_text_without_exactly_two_parts() {
        for bad in ["", "@", "a@", "@b", "ab", "a@b@c", "a@@b"] {
            assert_eq!(parse(bad), Err(EmailAddressError::Parts), "{bad:?}");
        }
    }

    #[test]
    fn rejects_white_space_and_characters_that_hide_or_reorder_text() {
        for c in [' ', '\t', '\n', '\0', '\u{7f}', '\u{a0}', '\u{3000}', '\u{200f}', '\u{202e}', '\u{feff}'] {
            assert_eq!(parse(&format!("a{c}b@c")), Err(EmailAddressError::Unprintable), "{c:?}");
        }
    }

    #[test]
    fn debug_forms_hide_personal_data() {
        let email = parse("alice@example.com").unwrap();
        assert_eq!(format!("{email:?}"), "EmailAddress(17 bytes)");
        let id = "001".parse().unwrap();
        let customer = Customer { id, email: email.into(), name: "Alice Johnson".into() };
        assert_eq!(format!("{customer:?}"), r#"Customer { id: CustomerId("001"), .. }"#);
    }
}
