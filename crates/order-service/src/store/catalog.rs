//! The read of the customer and the prices of an order request.

use std::collections::BTreeMap;

use aws::ServiceError;
use domain::{CustomerId, Money, OrderLines, ProductId};
use dynamodb::attribute::{CUSTOMER_ID, PRICE, PRODUCT_ID};
use dynamodb::batch_get::{batch_get, keys_of};
use dynamodb::decode_price;

use super::Store;
use crate::settings::Settings;

/// The catalog data that an order request needs.
#[derive(Debug)]
pub(crate) struct CatalogData {
    pub(crate) customer_exists: bool,
    /// Prices of the products that exist.
    pub(crate) prices: BTreeMap<ProductId, Money>,
}

impl Store {
    /// Reads the customer and the prices of the products with one request.
    pub(crate) async fn load_catalog(
        &self,
        customer: &CustomerId,
        lines: &OrderLines,
    ) -> Result<CatalogData, ServiceError> {
        let customer_key = keys_of(CUSTOMER_ID, [customer]).projection_expression(CUSTOMER_ID);
        let product_keys = keys_of(PRODUCT_ID, lines.iter().map(|line| &line.product_id))
            .projection_expression(format!("{PRODUCT_ID}, {PRICE}"));
        let Settings { customers_table, products_table, .. } = &self.settings;
        let keys = [(customers_table.as_str(), customer_key), (products_table.as_str(), product_keys)];
        let mut found = batch_get(&self.client, keys).await?;
        let products = found.remove(products_table).unwrap_or_default();
        let prices = products.iter().map(decode_price).collect::<Result<_, _>>()?;
        let customer_exists = found.remove(customers_table).is_some_and(|customers| !customers.is_empty());
        Ok(CatalogData { customer_exists, prices })
    }
}
