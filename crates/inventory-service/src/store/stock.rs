//! Stock levels: the read of a level, and the transaction actions that change it.

use std::collections::BTreeSet;

use aws::ServiceError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{OrderLine, ProductId, StockLevel};
use dynamodb::attribute::{PRODUCT_ID, QUANTITY, REVISION};
use dynamodb::batch_get::{batch_get, keys_of};
use dynamodb::{Item, decode_stock, number, text};

use super::{Store, build_error};

impl Store {
    pub(crate) async fn stock_level(&self, id: &ProductId) -> Result<Option<StockLevel>, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.inventory_table)
            .key(PRODUCT_ID, text(id))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item().map(decode_stock).transpose()?)
    }

    /// Returns the items of the products that have stock. `ids` are at most 100.
    pub(crate) async fn stock_items(&self, ids: &BTreeSet<ProductId>) -> Result<Vec<Item>, ServiceError> {
        let table = &self.settings.inventory_table;
        let mut found = batch_get(&self.client, [(table, keys_of(PRODUCT_ID, ids))]).await?;
        Ok(found.remove(table).unwrap_or_default())
    }

    /// Returns the action that takes `units` out of stock, if there are enough.
    pub(super) fn decrement(
        &self,
        product: &ProductId,
        units: u64,
    ) -> Result<TransactWriteItem, ServiceError> {
        let update = self
            .update_stock(product, units)
            .update_expression(format!("SET {QUANTITY} = {QUANTITY} - :quantity ADD {REVISION} :one"))
            .condition_expression(format!("{QUANTITY} >= :quantity"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns the action that puts the units of a line back into stock.
    pub(super) fn increment(&self, line: &OrderLine) -> Result<TransactWriteItem, ServiceError> {
        let update = self
            .update_stock(&line.product_id, line.quantity.get().into())
            .update_expression(format!("ADD {QUANTITY} :quantity, {REVISION} :one"))
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Starts an update of a stock item. Every change of an item increments its revision.
    fn update_stock(&self, product: &ProductId, units: u64) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.settings.inventory_table)
            .key(PRODUCT_ID, text(product))
            .expression_attribute_values(":quantity", number(units))
            .expression_attribute_values(":one", number(1))
    }
}
