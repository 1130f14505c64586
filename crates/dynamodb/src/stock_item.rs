//! Items of the Inventory table.

use domain::StockLevel;

use crate::attribute::{PRODUCT_ID, QUANTITY, REORDER_POINT, REVISION};
use crate::decode::{ItemDecodeError, optional, required};
use crate::value::Item;

/// Decodes a stock level.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_stock(item: &Item) -> Result<StockLevel, ItemDecodeError> {
    Ok(StockLevel {
        product_id: required(item, PRODUCT_ID)?,
        quantity: required(item, QUANTITY)?,
        revision: optional(item, REVISION)?.unwrap_or_default(),
        reorder_point: optional(item, REORDER_POINT)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{number, text};

    fn decode<const N: usize>(numbers: [(&str, i64); N]) -> Result<StockLevel, ItemDecodeError> {
        let mut item: Item = numbers.map(|(name, value)| (name.to_owned(), number(value))).into();
        item.insert(PRODUCT_ID.to_owned(), text("001"));
        decode_stock(&item)
    }

    #[test]
    fn rejects_a_negative_number() {
        assert_eq!(decode([(QUANTITY, 150)]).unwrap().quantity, 150);
        assert!(decode([(QUANTITY, -1)]).is_err());
        assert!(decode([(QUANTITY, 1), (REVISION, -1)]).is_err());
        assert!(decode([(QUANTITY, 1), (REORDER_POINT, -1)]).is_err());
    }

    #[test]
    fn decodes_revision_and_reorder_point() {
        let stock = decode([(QUANTITY, 3), (REVISION, 7), (REORDER_POINT, 5)]).unwrap();
        assert_eq!((stock.revision, stock.reorder_point), (7, Some(5)));
        let older = decode([(QUANTITY, 3)]).unwrap();
        assert_eq!((older.revision, older.reorder_point), (0, None));
    }
}
