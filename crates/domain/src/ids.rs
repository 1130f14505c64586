//! Identifiers. Each is its own type, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::EventKind;

/// Namespace of the UUIDs (version 5, RFC 9562) that are derived from a
/// customer's idempotency key.
const IDEMPOTENCY_NAMESPACE: Uuid = Uuid::from_u128(0x8a5c_1e0e_6f0b_4c55_9b7b_2a9d_6b1f_0c31);

/// Namespace of the UUIDs (version 5, RFC 9562) that name an order's events.
const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0x3f3d_52c4_1d8e_4a0f_8f57_c1b6_70aa_94e2);

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {max} characters out of {alphabet}")]
pub struct InvalidId {
    max: usize,
    alphabet: &'static str,
}

const fn is_id_character(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $accepts:expr, $alphabet:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The most characters that it may have.
            pub const MAX_LENGTH: usize = $max;

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
                if fits && text.bytes().all($accepts) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId { max: Self::MAX_LENGTH, alphabet: $alphabet })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

const ID_ALPHABET: &str = "A-Z a-z 0-9 - _ .";

id!(
    /// Names an order, the key of the Orders table.
    OrderId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Names a customer, the key of the Customers table.
    CustomerId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Names a product, the key of the Products and Inventory tables.
    ProductId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Names one occurrence of an event; the same for every delivery of it.
    EventId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Ties together everything that one request set off.
    CorrelationId, 128, is_id_character, ID_ALPHABET
);
id!(
    /// What a client sends as `Idempotency-Key` so that a retry makes no second order.
    IdempotencyKey, 255, |c| c.is_ascii_graphic(), "the printable ASCII characters without the space"
);

impl OrderId {
    /// A fresh id: UUID version 7 of the millisecond and ten random bytes.
    #[must_use]
    pub fn from_time(unix_millis: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, random).into_uuid().to_string())
    }

    /// The id that a customer's idempotency key stands for: UUID version 5 of
    /// both, so that a retry meets the same item.
    ///
    /// A customer id has no `/`, so no two pairs share a name.
    #[must_use]
    pub fn from_idempotency_key(customer: &CustomerId, key: &IdempotencyKey) -> Self {
        let name = format!("{customer}/{key}");
        Self(Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, name.as_bytes()).to_string())
    }
}

/// For what nobody gave a correlation id: its order ties it together.
impl From<&OrderId> for CorrelationId {
    fn from(order: &OrderId) -> Self {
        Self(order.0.clone())
    }
}

impl EventId {
    /// The id of an order's event of one kind.
    ///
    /// Each kind happens at most once in the life of an order, so the id is
    /// derived: however often the event is published, it is the same.
    #[must_use]
    pub fn of(order: &OrderId, kind: EventKind) -> Self {
        let name = format!("{order}/{}", kind.as_str());
        Self(Uuid::new_v5(&EVENT_NAMESPACE, name.as_bytes()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_plain_short_and_not_empty() {
        for good in ["001", "a-b_c.D", &"x".repeat(64)] {
            assert_eq!(good.parse::<OrderId>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a/b", "é", "';--", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "".parse::<OrderId>().unwrap_err().to_string(),
            "must be 1 to 64 characters out of A-Z a-z 0-9 - _ ."
        );
    }

    #[test]
    fn an_idempotency_key_may_hold_any_visible_ascii() {
        assert!("a/b:c{}\"~!".parse::<IdempotencyKey>().is_ok());
        assert!("x".repeat(255).parse::<IdempotencyKey>().is_ok());
        for bad in ["", "a b", "\t", "ü", &"x".repeat(256)] {
            assert!(bad.parse::<IdempotencyKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn one_customer_and_key_always_stand_for_the_same_order() {
        let id = |customer: &str, key: &str| {
            OrderId::from_idempotency_key(&customer.parse().unwrap(), &key.parse().unwrap())
        };
        assert_eq!(id("001", "k"), id("001", "k"));
        assert_ne!(id("001", "k"), id("002", "k"));
        assert_ne!(id("001", "k"), id("001", "l"));
        assert_ne!(id("a", "b/c"), id("b", "a/c"));
    }

    #[test]
    fn fresh_ids_sort_by_time() {
        let early = OrderId::from_time(1_000, &[255; 10]);
        let late = OrderId::from_time(1_001, &[0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().as_bytes()[14], b'7', "version 7: {early}");
    }

    #[test]
    fn an_event_id_names_the_order_and_the_kind() {
        let (one, two) = ("1".parse().unwrap(), "2".parse().unwrap());
        assert_eq!(EventId::of(&one, EventKind::Placed), EventId::of(&one, EventKind::Placed));
        assert_ne!(EventId::of(&one, EventKind::Placed), EventId::of(&one, EventKind::Canceled));
        assert_ne!(EventId::of(&one, EventKind::Placed), EventId::of(&two, EventKind::Placed));
    }
}
