//! Entries of the stock ledger: items of the Inventory table under keys that no product id
//! can be.

use domain::{AdjustmentId, ListPosition, ProductId, ShortText, StockAdjustment};

use crate::attribute::{CREATED_AT, DELTA, LISTED_AS, LISTED_UNDER, NOTE, PRODUCT_ID, REASON, RECEIPT_ID};
use crate::decode::{ItemDecodeError, optional_text, required_number, required_text};
use crate::value::{Item, item, number, text};

/// Separates the ids in keys. No id contains it.
const SEPARATOR: char = '#';

/// Returns the key of a ledger entry.
#[must_use]
pub fn ledger_key(product: &ProductId, adjustment: &AdjustmentId) -> String {
    format!("{product}{SEPARATOR}{adjustment}")
}

/// Parses the key of a ledger entry.
fn parse_ledger_key(key: &str) -> Result<(ProductId, AdjustmentId), ItemDecodeError> {
    let other = || ItemDecodeError::new(PRODUCT_ID, "is not the key of a ledger entry");
    let (product, adjustment) = key.split_once(SEPARATOR).ok_or_else(other)?;
    Ok((product.parse().map_err(|_| other())?, adjustment.parse().map_err(|_| other())?))
}

/// Returns the position of an adjustment in the ledger of its product, which sorts by time.
fn ledger_position(adjustment: &StockAdjustment) -> ListPosition<&AdjustmentId> {
    ListPosition { time: adjustment.created_at, id: &adjustment.id }
}

/// Encodes an adjustment. Absent fields get no attribute.
#[must_use]
pub fn encode_adjustment(adjustment: &StockAdjustment) -> Item {
    let mut item = item([
        (PRODUCT_ID, text(ledger_key(&adjustment.product_id, &adjustment.id))),
        (LISTED_UNDER, text(&adjustment.product_id)),
        (LISTED_AS, text(ledger_position(adjustment))),
        (DELTA, number(adjustment.delta)),
        (REASON, text(adjustment.reason)),
        (CREATED_AT, text(adjustment.created_at)),
    ]);
    let optional_attributes = [
        (NOTE, adjustment.note.as_ref().map(|note| text(note.as_str()))),
        (RECEIPT_ID, adjustment.receipt_id.as_ref().map(text)),
    ];
    item.extend(optional_attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item
}

/// Decodes an adjustment.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_adjustment(item: &Item) -> Result<StockAdjustment, ItemDecodeError> {
    let (product_id, id) = parse_ledger_key(&required_text::<String>(item, PRODUCT_ID)?)?;
    Ok(StockAdjustment {
        id,
        product_id,
        delta: required_number(item, DELTA)?,
        reason: required_text(item, REASON)?,
        note: optional_text::<ShortText>(item, NOTE)?,
        receipt_id: optional_text(item, RECEIPT_ID)?,
        created_at: required_text(item, CREATED_AT)?,
    })
}

#[cfg(test)]
mod tests {
    use domain::{AdjustmentReason, StockDelta};

    use super::*;

    fn adjustment() -> StockAdjustment {
        StockAdjustment {
            id: "a-1".parse().unwrap(),
            product_id: "001".parse().unwrap(),
            delta: StockDelta::new(-3).unwrap(),
            reason: AdjustmentReason::Damaged,
            note: Some("Forklift, aisle 7".parse().unwrap()),
            receipt_id: Some("r-1".parse().unwrap()),
            created_at: "2025-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn round_trips_with_and_without_optional_fields() {
        let bare = StockAdjustment { note: None, receipt_id: None, ..adjustment() };
        for adjustment in [adjustment(), bare] {
            assert_eq!(decode_adjustment(&encode_adjustment(&adjustment)), Ok(adjustment));
        }
    }

    #[test]
    fn lists_an_adjustment_by_product_and_time() {
        let item = encode_adjustment(&adjustment());
        assert_eq!(item[PRODUCT_ID], text("001#a-1"));
        assert_eq!(item[LISTED_UNDER], text("001"));
        assert_eq!(item[LISTED_AS], text("2025-01-01T00:00:00.000Z#a-1"));
    }

    #[test]
    fn its_key_is_no_product_id() {
        let key = ledger_key(&"001".parse().unwrap(), &"a-1".parse().unwrap());
        assert!(key.parse::<ProductId>().is_err());
    }

    #[test]
    fn absent_fields_have_no_attribute() {
        let bare = StockAdjustment { note: None, receipt_id: None, ..adjustment() };
        let item = encode_adjustment(&bare);
        assert!(!item.contains_key(NOTE) && !item.contains_key(RECEIPT_ID));
    }

    #[test]
    fn a_stock_item_is_not_a_ledger_entry() {
        let mut item = encode_adjustment(&adjustment());
        item.insert(PRODUCT_ID.to_owned(), text("001"));
        let error = decode_adjustment(&item).unwrap_err().to_string();
        assert_eq!(error, "attribute ProductId: is not the key of a ledger entry");
    }
}
