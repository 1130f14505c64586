//! Reads and writes of the Products table.

use aws::ServiceError;
use domain::{Precondition, Product, ProductId};
use dynamodb::attribute::PRODUCT_ID;
use dynamodb::{Page, Revised, decode_product, encode_product, id_attribute, key, text};

use super::Store;
use super::revised_write::{DeleteOutcome, PutOutcome, RevisedWrite};

impl Store {
    pub(crate) async fn product(&self, id: &ProductId) -> Result<Option<Revised<Product>>, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.products_table)
            .key(PRODUCT_ID, text(id))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item().map(|item| Revised::decode(item, decode_product)).transpose()?)
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
        Ok(Page::decode(output.items(), PRODUCT_ID, decode_product, last))
    }

    /// Creates or replaces a product if the precondition is met. Orders keep the price that
    /// they were placed at.
    pub(crate) async fn put_product(
        &self,
        product: &Product,
        precondition: &Precondition,
    ) -> Result<PutOutcome, ServiceError> {
        self.write_product(precondition).put(|revision| encode_product(product, revision)).await
    }

    /// Deletes a product if the precondition is met. Leaves its stock and its orders.
    pub(crate) async fn delete_product(
        &self,
        id: &ProductId,
        precondition: &Precondition,
    ) -> Result<DeleteOutcome, ServiceError> {
        self.write_product(precondition).delete(id).await
    }

    fn write_product<'a>(&'a self, precondition: &'a Precondition) -> RevisedWrite<'a> {
        RevisedWrite::new(&self.client, &self.settings.products_table, PRODUCT_ID, precondition)
    }
}
