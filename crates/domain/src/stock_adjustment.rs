//! The ledger of stock adjustments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{AdjustmentId, IdempotencyKey, ProductId, ReceiptId};
use crate::redact;
use crate::short_text::ShortText;
use crate::stock::StockDelta;
use crate::timestamp::Timestamp;

/// Namespace of the version 5 UUIDs (RFC 9562) of adjustments with an idempotency key.
const KEY_NAMESPACE: Uuid = Uuid::from_u128(0x5d0c_7a4b_9e21_4f3a_8c66_1b7e_40d2_93fa);
/// Namespace of the version 5 UUIDs (RFC 9562) of adjustments for a receipt of goods.
const RECEIPT_NAMESPACE: Uuid = Uuid::from_u128(0xc2f9_38e1_06b5_4d87_a1d4_7e53_f80b_26cd);

/// The reason for an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum AdjustmentReason {
    /// Goods arrived.
    Received,
    /// A customer returned goods.
    Returned,
    /// Goods can no longer be sold.
    Damaged,
    /// Goods cannot be found.
    Lost,
    /// A count showed a difference.
    Counted,
    /// Any other reason, which the note should state.
    Other,
}

/// A text that is not an [`AdjustmentReason`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be received, returned, damaged, lost, counted or other, not {0}")]
pub struct UnknownReasonError(String);

impl AdjustmentReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Received, Self::Returned, Self::Damaged, Self::Lost, Self::Counted, Self::Other];

    /// Returns the name in requests, documents and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Returned => "returned",
            Self::Damaged => "damaged",
            Self::Lost => "lost",
            Self::Counted => "counted",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for AdjustmentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AdjustmentReason {
    type Err = UnknownReasonError;

    fn from_str(text: &str) -> Result<Self, UnknownReasonError> {
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        known.ok_or_else(|| UnknownReasonError(redact::quote(text)))
    }
}

impl TryFrom<String> for AdjustmentReason {
    type Error = UnknownReasonError;

    fn try_from(text: String) -> Result<Self, UnknownReasonError> {
        text.parse()
    }
}

impl From<AdjustmentReason> for &'static str {
    fn from(reason: AdjustmentReason) -> Self {
        reason.as_str()
    }
}

/// An entry of the stock ledger: one change of a product's stock on hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockAdjustment {
    /// Identifier, derived from the cause of the adjustment.
    pub id: AdjustmentId,
    /// Product whose stock changes.
    pub product_id: ProductId,
    /// Change of the stock on hand.
    pub delta: StockDelta,
    /// Reason for the change.
    pub reason: AdjustmentReason,
    /// Note of the person who made the adjustment.
    pub note: Option<ShortText>,
    /// Receipt of goods that caused the adjustment.
    pub receipt_id: Option<ReceiptId>,
    /// Time at which the adjustment was recorded.
    pub created_at: Timestamp,
}

impl StockAdjustment {
    /// Returns true if both adjustments have the same cause and content. The time does not
    /// matter: a repeated request has a later one.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, ..self.clone() } == *other
    }
}

impl AdjustmentId {
    /// Derives the id of the adjustment of a product with an idempotency key: a version 5
    /// UUID of both, so that a retry addresses the same ledger entry.
    ///
    /// A product id cannot contain `/`, so different pairs have different names.
    #[must_use]
    pub fn from_idempotency_key(product: &ProductId, key: &IdempotencyKey) -> Self {
        Uuid::new_v5(&KEY_NAMESPACE, format!("{product}/{key}").as_bytes()).into()
    }

    /// Derives the id of the adjustment for a product of a receipt, so that each delivery of
    /// the event addresses the same ledger entry.
    #[must_use]
    pub fn from_receipt(receipt: &ReceiptId, product: &ProductId) -> Self {
        Uuid::new_v5(&RECEIPT_NAMESPACE, format!("{receipt}/{product}").as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_reason() {
        for reason in AdjustmentReason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
        }
        let error = "stolen".parse::<AdjustmentReason>().unwrap_err().to_string();
        assert_eq!(error, "must be received, returned, damaged, lost, counted or other, not \"stolen\"");
    }

    #[test]
    fn derives_adjustment_ids_from_their_cause() {
        let by_key = |product: &str, key: &str| {
            AdjustmentId::from_idempotency_key(&product.parse().unwrap(), &key.parse().unwrap())
        };
        let by_receipt = |receipt: &str, product: &str| {
            AdjustmentId::from_receipt(&receipt.parse().unwrap(), &product.parse().unwrap())
        };
        assert_eq!(by_key("001", "k"), by_key("001", "k"));
        assert_ne!(by_key("001", "k"), by_key("002", "k"));
        assert_ne!(by_key("001", "k"), by_key("001", "l"));
        assert_eq!(by_receipt("r1", "001"), by_receipt("r1", "001"));
        assert_ne!(by_receipt("r1", "001"), by_receipt("r1", "002"));
        assert_ne!(by_receipt("r1", "001"), by_receipt("r2", "001"));
        assert_ne!(by_receipt("001", "k"), by_key("001", "k"));
    }

    #[test]
    fn an_adjustment_repeats_one_with_the_same_content_at_any_time() {
        let time = |text: &str| text.parse().unwrap();
        let product_id: ProductId = "001".parse().unwrap();
        let first = StockAdjustment {
            id: AdjustmentId::from_idempotency_key(&product_id, &"k".parse().unwrap()),
            product_id,
            delta: StockDelta::new(5).unwrap(),
            reason: AdjustmentReason::Counted,
            note: None,
            receipt_id: None,
            created_at: time("2025-01-01T00:00:00Z"),
        };
        assert!(
            StockAdjustment { created_at: time("2025-01-02T00:00:00Z"), ..first.clone() }.repeats(&first)
        );
        assert!(!StockAdjustment { delta: StockDelta::new(6).unwrap(), ..first.clone() }.repeats(&first));
        assert!(!StockAdjustment { reason: AdjustmentReason::Other, ..first.clone() }.repeats(&first));
        assert!(!StockAdjustment { note: Some("x".parse().unwrap()), ..first.clone() }.repeats(&first));
    }
}
