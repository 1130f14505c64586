//! Error texts that describe client input without repeating it, because they
//! end up in logs and queues.

/// Longest text that is quoted verbatim, in bytes. Access tokens are longer.
const MAX_QUOTED: usize = 32;

/// The prefix of a quoted string in a serde error message.
const QUOTE_START: &str = "string \"";
/// The suffix of a quoted string in a serde error message.
const QUOTE_END: &str = "\", expected";

/// Quotes `text` if it looks like a short identifier; otherwise returns its length.
#[must_use]
pub fn quote(text: &str) -> String {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    if text.len() <= MAX_QUOTED && text.bytes().all(is_plain) {
        format!("{text:?}")
    } else {
        format!("a text of {} bytes", text.len())
    }
}

/// Returns the message of a JSON error, without the string that serde quotes.
#[must_use]
pub fn json_error(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match (message.find(QUOTE_START), message.rfind(QUOTE_END)) {
        (Some(start), Some(end)) if start < end => {
            format!("{}a text{}", &message[..start], &message[end + 1..])
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_short_identifiers_only() {
        assert_eq!(quote("OrderPaid"), "\"OrderPaid\"");
        assert_eq!(quote(""), "\"\"");
        assert_eq!(quote("mallory@example.com"), "a text of 19 bytes");
        assert_eq!(quote(&"x".repeat(33)), "a text of 33 bytes");
        assert_eq!(quote("{}"), "a text of 2 bytes");
    }

    #[test]
    fn removes_client_strings_from_json_errors() {
        let message = |json: &str| json_error(&serde_json::from_str::<u8>(json).unwrap_err());
        assert_eq!(message(r#""secret""#), "invalid type: a text, expected u8 at line 1 column 8");
        let nested = message(r#""a\", expected secret""#);
        assert_eq!(nested, "invalid type: a text, expected u8 at line 1 column 22");
        assert_eq!(message("300"), "invalid value: integer `300`, expected u8 at line 1 column 3");
        assert_eq!(message("{"), "invalid type: map, expected u8 at line 1 column 0");
    }
}
