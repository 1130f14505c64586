//! Reads of the Customers and Products tables.

use std::collections::BTreeMap;

use aws::ServiceError;
use domain::{CustomerId, Money, OrderLines, Product, ProductId};
use dynamodb::attribute::{CUSTOMER_ID, PRICE, PRODUCT_ID};
use dynamodb::batch_get::{batch_get, keys_of};
use dynamodb::{Page, decode_price, decode_product, key, text};

use super::{Store, id_attribute};
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
        let keys = [(customers_table, customer_key), (products_table, product_keys)];
        let mut found = batch_get(&self.client, keys).await?;
        let products = found.remove(products_table).unwrap_or_default();
        let prices = products.iter().map(decode_price).collect::<Result<_, _>>()?;
        let customer_exists = found.remove(customers_table).is_some_and(|customers| !customers.is_empty());
        Ok(CatalogData { customer_exists, prices })
    }

    pub(crate) async fn customer_exists(&self, id: &CustomerId) -> Result<bool, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.customers_table)
            .key(CUSTOMER_ID, text(id))
            .projection_expression(CUSTOMER_ID)
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item.is_some())
    }

    pub(crate) async fn product(&self, id: &ProductId) -> Result<Option<Product>, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.products_table)
            .key(PRODUCT_ID, text(id))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item().map(decode_product).transpose()?)
    }

    /// Returns a page of the catalog after the product `after`.
    pub(crate) async fn products(
        &self,
        limit: i32,
        after: Option<&ProductId>,
    ) -> Result<Page<Product>, ServiceError> {
        let output = self
            .client
            .scan()
            .table_name(&self.settings.products_table)
            .consistent_read(true)
            .limit(limit)
            .set_exclusive_start_key(after.map(|id| key(PRODUCT_ID, text(id))))
            .send()
            .await?;
        let last = output.last_evaluated_key().map(|key| id_attribute(key, PRODUCT_ID)).transpose()?;
        let entries = output.items().iter().map(decode_product).collect::<Result<_, _>>()?;
        Ok(Page { entries, last })
    }
}
