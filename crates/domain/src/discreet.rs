//! Words about what somebody sent, for errors that end up in logs and queues:
//! they tell what is wrong with it and do not repeat it.

/// The longest text that is shown, in bytes. No token is as short.
const MAX_SHOWN: usize = 32;

/// What serde puts before a text that is of the wrong type or has a wrong value.
const BEFORE_TEXT: &str = "string \"";
/// What serde puts behind it.
const BEHIND_TEXT: &str = "\", expected";

/// A text in quotes if it can be no more than a name; or else how long it is.
#[must_use]
pub fn shown(text: &str) -> String {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    if text.len() <= MAX_SHOWN && text.bytes().all(plain) {
        format!("{text:?}")
    } else {
        format!("a text of {} bytes", text.len())
    }
}

/// Why a JSON text was refused, and where, without the text that serde quotes.
#[must_use]
pub fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match (message.find(BEFORE_TEXT), message.rfind(BEHIND_TEXT)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}a text{}", &message[..from], &message[to + 1..])
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_and_nothing_else() {
        assert_eq!(shown("OrderPaid"), "\"OrderPaid\"");
        assert_eq!(shown(""), "\"\"");
        assert_eq!(shown("mallory@example.com"), "a text of 19 bytes");
        assert_eq!(shown(&"x".repeat(33)), "a text of 33 bytes");
        assert_eq!(shown("{}"), "a text of 2 bytes");
    }

    #[test]
    fn a_reason_does_not_quote_what_was_sent() {
        let number = |json: &str| reason(&serde_json::from_str::<u8>(json).unwrap_err());
        assert_eq!(number(r#""secret""#), "invalid type: a text, expected u8 at line 1 column 8");
        let nested = number(r#""a\", expected secret""#);
        assert_eq!(nested, "invalid type: a text, expected u8 at line 1 column 22");
        assert_eq!(number("300"), "invalid value: integer `300`, expected u8 at line 1 column 3");
        assert_eq!(number("{"), "invalid type: map, expected u8 at line 1 column 0");
    }
}
