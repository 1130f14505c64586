//! Pagination tokens of lists.

use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The token that continues a list behind an entry.
///
/// It only names that entry. Whoever reads it looks the entry up and checks
/// that it is on the list, so a token that was tampered with opens nothing.
#[must_use]
pub fn token(id: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

/// The entry that a token names, if it has the shape of a token at all.
#[must_use]
pub fn entry<T: FromStr>(token: &str) -> Option<T> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use domain::OrderId;

    use super::*;

    #[test]
    fn a_token_names_an_entry_and_nothing_else() {
        let id: OrderId = "order-1".parse().unwrap();
        assert_eq!(entry(&token(id.as_str())), Some(id));
        for bad in ["", "order-1", "b3JkZXI=", "_w", &token("a b")] {
            assert_eq!(entry::<OrderId>(bad), None, "{bad}");
        }
    }
}
