//! Stock items of the Inventory table.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{ProductId, StockLevel};

use crate::attribute::{LISTED_AS, LISTED_UNDER, PRODUCT_ID, QUANTITY, REORDER_POINT, REVISION};
use crate::decode::{ItemDecodeError, optional_number, required_number, required_text};
use crate::value::{Item, item, text};

/// [`LISTED_UNDER`] of every stock item. No product id contains `#`, so it is the ledger of
/// no product.
pub const STOCK_LIST: &str = "#stock";

/// Returns the attributes that put a stock item on the list of stock. They never change, so
/// that a reservation does not write to the index.
#[must_use]
pub fn stock_list_entry(product: &ProductId) -> [(&'static str, AttributeValue); 2] {
    [(LISTED_UNDER, text(STOCK_LIST)), (LISTED_AS, text(product))]
}

/// Returns the part of an update expression that puts a stock item on the list of stock, and
/// its expression values.
#[must_use]
pub fn set_stock_list_entry(product: &ProductId) -> (String, Item) {
    let set = format!("{LISTED_UNDER} = :list, {LISTED_AS} = :product");
    (set, item([(":list", text(STOCK_LIST)), (":product", text(product))]))
}

/// Decodes a stock level.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_stock(item: &Item) -> Result<StockLevel, ItemDecodeError> {
    Ok(StockLevel {
        product_id: required_text(item, PRODUCT_ID)?,
        quantity: required_number(item, QUANTITY)?,
        revision: optional_number(item, REVISION)?.unwrap_or_default(),
        reorder_point: optional_number(item, REORDER_POINT)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::number;

    fn decode<const N: usize>(numbers: [(&str, i64); N]) -> Result<StockLevel, ItemDecodeError> {
        let mut item: Item = numbers.map(|(name, value)| (name.to_owned(), number(value))).into();
        item.insert(PRODUCT_ID.to_owned(), text("001"));
        decode_stock(&item)
    }

    #[test]
    fn an_update_puts_the_item_on_the_list_of_stock() {
        let (set, values) = set_stock_list_entry(&"001".parse().unwrap());
        assert_eq!(set, "ListedUnder = :list, ListedAs = :product");
        assert_eq!(values, item([(":list", text("#stock")), (":product", text("001"))]));
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
