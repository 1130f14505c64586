//! Stock levels: the read of a level, the write of its reorder point, and the transaction
//! actions of orders that change it.

use std::collections::BTreeSet;

use aws::ServiceError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{OrderLine, ProductId, StockLevel};
use dynamodb::attribute::{PRODUCT_ID, QUANTITY, REORDER_POINT, REVISION};
use dynamodb::batch_get::get_by_id;
use dynamodb::{Item, decode_stock, number, set_stock_list_entry, text};

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
        get_by_id(&self.client, &self.settings.inventory_table, PRODUCT_ID, ids).await
    }

    /// Sets the reorder point of a product, or removes it. Returns `None` if the product has
    /// no stock item.
    pub(crate) async fn set_reorder_point(
        &self,
        product: &ProductId,
        reorder_point: Option<u64>,
    ) -> Result<Option<StockLevel>, ServiceError> {
        let (list_entry, mut values) = set_stock_list_entry(product);
        let reorder_point = match reorder_point {
            Some(units) => {
                values.insert(":units".to_owned(), number(units));
                format!(", {REORDER_POINT} = :units")
            }
            None => format!(" REMOVE {REORDER_POINT}"),
        };
        let result = self
            .client
            .update_item()
            .table_name(&self.settings.inventory_table)
            .key(PRODUCT_ID, text(product))
            .update_expression(format!("SET {list_entry}{reorder_point} ADD {REVISION} :one"))
            .condition_expression(format!("attribute_exists({PRODUCT_ID})"))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let error = match result {
            Ok(output) => return Ok(output.attributes().map(decode_stock).transpose()?),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(error.into()),
        }
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
