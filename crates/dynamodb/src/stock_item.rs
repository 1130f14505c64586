//! Items of the Inventory table.

use domain::StockLevel;

use crate::attribute::{PRODUCT_ID, QUANTITY};
use crate::decode::{ItemDecodeError, required};
use crate::value::Item;

/// Decodes a stock level.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_stock(item: &Item) -> Result<StockLevel, ItemDecodeError> {
    Ok(StockLevel { product_id: required(item, PRODUCT_ID)?, quantity: required(item, QUANTITY)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{number, text};

    #[test]
    fn rejects_a_negative_quantity() {
        let stock = |quantity: i32| {
            let attributes = [(PRODUCT_ID, text("001")), (QUANTITY, number(quantity))];
            decode_stock(&attributes.map(|(name, value)| (name.to_owned(), value)).into())
        };
        assert_eq!(stock(150).unwrap().quantity, 150);
        assert!(stock(-1).is_err());
    }
}
