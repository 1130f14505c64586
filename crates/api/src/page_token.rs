//! Page tokens of lists.

use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Encodes the position of the last entry of a page.
///
/// The token carries only the position within a list, and the request names the list. A
/// forged token starts a page at another position of the same list, so it gives access to
/// nothing else. It stays valid when the entry is deleted.
#[must_use]
pub fn encode(position: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(position)
}

/// Decodes the position in a token; returns `None` if the token is malformed.
#[must_use]
pub fn decode<T: FromStr>(token: &str) -> Option<T> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use domain::OrderId;

    use super::*;

    #[test]
    fn decodes_its_own_tokens_only() {
        let id: OrderId = "order-1".parse().unwrap();
        assert_eq!(decode(&encode(id.as_str())), Some(id));
        for malformed in ["", "order-1", "b3JkZXI=", "_w", &encode("a b")] {
            assert_eq!(decode::<OrderId>(malformed), None, "{malformed}");
        }
    }
}
