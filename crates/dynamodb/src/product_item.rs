//! Items of the Products table.

use domain::{Money, Product, ProductId, Revision};

use crate::attribute::{NAME, PRICE, PRODUCT_ID, REVISION};
use crate::decode::{ItemDecodeError, required_number, required_text};
use crate::value::{Item, item, number, text};

/// Encodes a product with its revision.
#[must_use]
pub fn encode_product(product: &Product, revision: &Revision) -> Item {
    item([
        (PRODUCT_ID, text(&product.id)),
        (NAME, text(&product.name)),
        (PRICE, number(product.price)),
        (REVISION, text(revision)),
    ])
}

/// Decodes a product.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_product(item: &Item) -> Result<Product, ItemDecodeError> {
    Ok(Product {
        id: required_text(item, PRODUCT_ID)?,
        name: required_text(item, NAME)?,
        price: required_number(item, PRICE)?,
    })
}

/// Decodes the id and price of a product.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_price(item: &Item) -> Result<(ProductId, Money), ItemDecodeError> {
    Ok((required_text(item, PRODUCT_ID)?, required_number(item, PRICE)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revision::decode_revision;

    #[test]
    fn decodes_the_exact_price() {
        let mut product =
            item([(PRODUCT_ID, text("001")), (NAME, text("Headphones")), (PRICE, number("79.9"))]);
        assert_eq!(decode_product(&product).unwrap().price.to_string(), "79.90");
        assert_eq!(decode_price(&product).unwrap().1.to_string(), "79.90");
        product.remove(PRICE);
        assert_eq!(decode_product(&product).unwrap_err().to_string(), "attribute Price: is missing");
    }

    #[test]
    fn round_trips_with_its_revision() {
        let product = Product {
            id: "001".parse().unwrap(),
            name: "Smartwatch".into(),
            price: "1000000000000".parse().unwrap(),
        };
        let revision = Revision::following(None, 1, &[2; 10]);
        let item = encode_product(&product, &revision);
        assert_eq!((decode_product(&item), decode_revision(&item)), (Ok(product), Ok(revision)));
        assert_eq!(item[PRICE], number("1000000000000.00"));
    }
}
