//! What the shop sells, and how much of it there is, as the API shows them.

use serde::Serialize;

use crate::ids::ProductId;
use crate::money::Money;

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its id.
    pub product_id: ProductId,
    /// What it is called.
    pub name: String,
    /// What one piece costs.
    pub price: Money,
}

/// A page of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductList {
    /// What is on it.
    pub products: Vec<Product>,
    /// What to ask for the next page with, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// How much of a product can be sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StockLevel {
    /// The product.
    pub product_id: ProductId,
    /// Pieces that no order holds.
    pub quantity: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_written_as_the_api_promises() {
        let product = Product {
            product_id: "001".parse().unwrap(),
            name: "Smartwatch".into(),
            price: "199.99".parse().unwrap(),
        };
        assert_eq!(
            serde_json::to_string(&product).unwrap(),
            r#"{"productId":"001","name":"Smartwatch","price":199.99}"#
        );
        let stock = StockLevel { product_id: "001".parse().unwrap(), quantity: 150 };
        assert_eq!(serde_json::to_string(&stock).unwrap(), r#"{"productId":"001","quantity":150}"#);
    }
}
