//! Items of the Products table.

use domain::{Money, Product, ProductId};

use crate::attribute::{NAME, PRICE, PRODUCT_ID};
use crate::decode::{ItemDecodeError, required};
use crate::value::Item;

/// Decodes a product.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_product(item: &Item) -> Result<Product, ItemDecodeError> {
    Ok(Product {
        id: required(item, PRODUCT_ID)?,
        name: required(item, NAME)?,
        price: required(item, PRICE)?,
    })
}

/// Decodes the id and price of a product.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_price(item: &Item) -> Result<(ProductId, Money), ItemDecodeError> {
    Ok((required(item, PRODUCT_ID)?, required(item, PRICE)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{number, text};

    #[test]
    fn decodes_the_exact_price() {
        let mut product: Item =
            [(PRODUCT_ID, text("001")), (NAME, text("Headphones")), (PRICE, number("79.9"))]
                .map(|(name, value)| (name.to_owned(), value))
                .into();
        assert_eq!(decode_product(&product).unwrap().price.to_string(), "79.90");
        assert_eq!(decode_price(&product).unwrap().1.to_string(), "79.90");
        product.remove(PRICE);
        assert_eq!(decode_product(&product).unwrap_err().to_string(), "attribute Price: is missing");
    }
}
