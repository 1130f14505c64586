//! Items of the Products and Inventory tables.

use domain::{Money, Product, ProductId, StockLevel};

use crate::Item;
use crate::attribute::{NAME, PRICE, PRODUCT_ID, QUANTITY};
use crate::reader::{BadItem, required};

/// The product of an item of the Products table.
///
/// # Errors
/// [`BadItem`] names the attribute that is missing or not as it should be.
pub fn product_from_item(item: &Item) -> Result<Product, BadItem> {
    Ok(Product {
        product_id: required(item, PRODUCT_ID)?,
        name: required(item, NAME)?,
        price: required(item, PRICE)?,
    })
}

/// Id and price of an item of the Products table.
///
/// # Errors
/// [`BadItem`] names the attribute that is missing or not as it should be.
pub fn price_from_item(item: &Item) -> Result<(ProductId, Money), BadItem> {
    Ok((required(item, PRODUCT_ID)?, required(item, PRICE)?))
}

/// The stock of an item of the Inventory table.
///
/// # Errors
/// [`BadItem`] names the attribute that is missing or not as it should be.
pub fn stock_from_item(item: &Item) -> Result<StockLevel, BadItem> {
    Ok(StockLevel { product_id: required(item, PRODUCT_ID)?, quantity: required(item, QUANTITY)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{number, text};

    fn item<const N: usize>(attributes: [(&str, aws_sdk_dynamodb::types::AttributeValue); N]) -> Item {
        attributes.map(|(name, value)| (name.to_owned(), value)).into()
    }

    #[test]
    fn a_product_is_read_with_its_exact_price() {
        let product = item([(PRODUCT_ID, text("001")), (NAME, text("Headphones")), (PRICE, number("79.9"))]);
        assert_eq!(product_from_item(&product).unwrap().price.to_string(), "79.90");
        assert_eq!(price_from_item(&product).unwrap().1.to_string(), "79.90");
        let unpriced = item([(PRODUCT_ID, text("001")), (NAME, text("Headphones"))]);
        assert_eq!(product_from_item(&unpriced).unwrap_err().to_string(), "attribute Price: is missing");
    }

    #[test]
    fn stock_below_zero_is_no_stock_level() {
        let stock =
            |quantity| stock_from_item(&item([(PRODUCT_ID, text("001")), (QUANTITY, number(quantity))]));
        assert_eq!(stock(150).unwrap().quantity, 150);
        assert!(stock(-1).is_err());
    }
}
