//! Identifiers. Each kind is a type of its own, validated when it is parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Namespace of the version 5 UUIDs (RFC 9562) that are derived from a customer's
/// idempotency key.
const IDEMPOTENCY_NAMESPACE: Uuid = Uuid::from_u128(0x8a5c_1e0e_6f0b_4c55_9b7b_2a9d_6b1f_0c31);

/// Namespace of the version 5 UUIDs that are derived from an occupied order id.
const ALTERNATIVE_NAMESPACE: Uuid = Uuid::from_u128(0x3f0e_92c4_5d1a_4b8e_8c66_71b0_e4d9_2a57);

/// A text that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {max} characters from {alphabet}")]
pub struct IdError {
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
            /// Maximum length in characters.
            pub const MAX_LENGTH: usize = $max;

            /// Returns the identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
                if fits && text.bytes().all($accepts) {
                    Ok(Self(text))
                } else {
                    Err(IdError { max: Self::MAX_LENGTH, alphabet: $alphabet })
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
    /// Identifier of an order, the key of the Orders table.
    OrderId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Identifier of a customer, the key of the Customers table.
    CustomerId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Identifier of a product, the key of the Products and Inventory tables.
    ProductId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Identifier of an event, the same for every delivery of it.
    EventId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Identifier of a request, carried by every event and log line that it causes.
    CorrelationId, 128, is_id_character, ID_ALPHABET
);
id!(
    /// Identifier of a stock adjustment, unique for its product.
    AdjustmentId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Identifier that a warehouse gives to a delivery of goods.
    ReceiptId, 64, is_id_character, ID_ALPHABET
);
id!(
    /// Value of the `Idempotency-Key` header, which makes retries of a request safe.
    IdempotencyKey, 255, |c| c.is_ascii_graphic(), "printable ASCII except space"
);
id!(
    /// Revision of a customer or a product. Each write gives the record a new one.
    Revision, 64, is_id_character, ID_ALPHABET
);

impl OrderId {
    /// Creates a version 7 UUID (RFC 9562) from milliseconds since the Unix epoch
    /// and ten random bytes.
    #[must_use]
    pub fn from_time(unix_millis: u64, random: &[u8; 10]) -> Self {
        uuid::Builder::from_unix_timestamp_millis(unix_millis, random).into_uuid().into()
    }

    /// Derives the id of the order that a customer places with an idempotency key:
    /// a version 5 UUID of both, so that a retry addresses the same item.
    ///
    /// A customer id cannot contain `/`, so different pairs have different names.
    #[must_use]
    pub fn from_idempotency_key(customer: &CustomerId, key: &IdempotencyKey) -> Self {
        let name = format!("{customer}/{key}");
        Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, name.as_bytes()).into()
    }

    /// Derives the id to use instead of this one, if an event of another producer has created an
    /// order with this id.
    #[must_use]
    pub fn alternative(&self) -> Self {
        Uuid::new_v5(&ALTERNATIVE_NAMESPACE, self.as_str().as_bytes()).into()
    }
}

impl Revision {
    /// Returns the revision of a record that was stored without one.
    #[must_use]
    pub fn initial() -> Self {
        Self("0".to_owned())
    }

    /// Creates a version 7 UUID (RFC 9562) from milliseconds since the Unix epoch
    /// and ten random bytes. Later revisions sort after earlier ones.
    ///
    /// The revision also sorts after `previous`, even if the clock that wrote `previous`
    /// is ahead.
    #[must_use]
    pub fn following(previous: Option<&Self>, unix_millis: u64, random: &[u8; 10]) -> Self {
        let after = previous.and_then(Self::unix_millis).map_or(0, |millis| millis.saturating_add(1));
        let time = unix_millis.max(after);
        Self(uuid::Builder::from_unix_timestamp_millis(time, random).into_uuid().to_string())
    }

    /// Returns the time of a revision that is a version 7 UUID: its first 48 bits.
    fn unix_millis(&self) -> Option<u64> {
        let uuid = Uuid::parse_str(&self.0).ok().filter(|uuid| uuid.get_version_num() == 7)?;
        u64::try_from(uuid.as_u128() >> 80).ok()
    }
}

impl From<Uuid> for OrderId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.to_string())
    }
}

impl From<Uuid> for EventId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.to_string())
    }
}

impl From<Uuid> for AdjustmentId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.to_string())
    }
}

/// Uses the order id as the correlation id if the request is unknown.
impl From<&OrderId> for CorrelationId {
    fn from(order: &OrderId) -> Self {
        Self(order.0.clone())
    }
}

/// Uses the product id as the correlation id of an event about its stock, which can cover
/// the changes of many requests.
impl From<&ProductId> for CorrelationId {
    fn from(product: &ProductId) -> Self {
        Self(product.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_1_to_64_plain_characters() {
        for good in ["001", "a-b_c.D", &"x".repeat(64)] {
            assert_eq!(good.parse::<OrderId>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a/b", "é", "';--", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "".parse::<OrderId>().unwrap_err().to_string(),
            "must be 1 to 64 characters from A-Z a-z 0-9 - _ ."
        );
    }

    #[test]
    fn an_idempotency_key_accepts_printable_ascii() {
        assert!("a/b:c{}\"~!".parse::<IdempotencyKey>().is_ok());
        assert!("x".repeat(255).parse::<IdempotencyKey>().is_ok());
        for bad in ["", "a b", "\t", "ü", &"x".repeat(256)] {
            assert!(bad.parse::<IdempotencyKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_alternative_id_is_derived_from_the_id() {
        let id = OrderId::from_idempotency_key(&"001".parse().unwrap(), &"k".parse().unwrap());
        assert_eq!(id.alternative(), id.alternative());
        assert_ne!(id.alternative(), id);
        assert_ne!(id.alternative().alternative(), id);
    }

    #[test]
    fn derives_the_same_order_id_from_the_same_customer_and_key() {
        let id = |customer: &str, key: &str| {
            OrderId::from_idempotency_key(&customer.parse().unwrap(), &key.parse().unwrap())
        };
        assert_eq!(id("001", "k"), id("001", "k"));
        assert_ne!(id("001", "k"), id("002", "k"));
        assert_ne!(id("001", "k"), id("001", "l"));
        assert_ne!(id("a", "b/c"), id("b", "a/c"));
    }

    #[test]
    fn time_based_ids_sort_by_time() {
        let early = OrderId::from_time(1_000, &[255; 10]);
        let late = OrderId::from_time(1_001, &[0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().as_bytes()[14], b'7', "version 7: {early}");
    }

    #[test]
    fn revisions_sort_by_time_after_the_initial_one() {
        let early = Revision::following(None, 1_767_225_600_000, &[255; 10]);
        let late = Revision::following(Some(&Revision::initial()), 1_767_225_600_001, &[0; 10]);
        assert!(Revision::initial() < early && early < late);
        assert_eq!(Revision::initial().as_str(), "0");
        assert_eq!(early.as_str().len(), 36);
    }

    #[test]
    fn a_revision_follows_one_of_a_clock_that_is_ahead() {
        let ahead = Revision::following(None, 2_000, &[255; 10]);
        let next = Revision::following(Some(&ahead), 1_000, &[0; 10]);
        assert_eq!(next.unix_millis(), Some(2_001));
        assert!(ahead < next);
        let unknown = "zzz".parse().unwrap();
        assert_eq!(Revision::following(Some(&unknown), 1_000, &[0; 10]).unix_millis(), Some(1_000));
    }
}
