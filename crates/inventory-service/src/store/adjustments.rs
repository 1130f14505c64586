//! Transactions that adjust stock. Each writes an entry of the ledger and changes the stock
//! item, or does neither. The key of the entry makes it apply once.

use aws::ServiceError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::{ProductId, StockAdjustment};
use dynamodb::attribute::{PRODUCT_ID, QUANTITY, REVISION};
use dynamodb::{Item, encode_adjustment, item, number, set_stock_list_entry, stock_list_entry, text};

use super::adjustment_outcome::{AdjustOutcome, CreateOutcome};
use super::transactions::Execution;
use super::{Store, build_error};

impl Store {
    /// Adjusts the stock of a product that has a stock item.
    pub(crate) async fn adjust_stock(
        &self,
        adjustment: &StockAdjustment,
    ) -> Result<AdjustOutcome, ServiceError> {
        let actions = vec![self.ledger_entry(adjustment)?, self.stock_change(adjustment)?];
        match self.execute(actions).await? {
            Execution::Committed => Ok(AdjustOutcome::Applied),
            Execution::Canceled(reasons) => AdjustOutcome::from_reasons(&reasons),
        }
    }

    /// Creates the stock item of a product of the catalog, with the units of an adjustment
    /// that adds some.
    pub(crate) async fn create_stock(
        &self,
        adjustment: &StockAdjustment,
    ) -> Result<CreateOutcome, ServiceError> {
        let actions = vec![
            self.ledger_entry(adjustment)?,
            self.new_stock_item(adjustment)?,
            self.product_check(&adjustment.product_id)?,
        ];
        match self.execute(actions).await? {
            Execution::Committed => Ok(CreateOutcome::Created),
            Execution::Canceled(reasons) => CreateOutcome::from_reasons(&reasons),
        }
    }

    /// Returns true if the catalog has the product.
    pub(crate) async fn product_exists(&self, id: &ProductId) -> Result<bool, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.products_table)
            .key(PRODUCT_ID, text(id))
            .projection_expression(PRODUCT_ID)
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item.is_some())
    }

    /// Returns the action that records an adjustment, unless it is recorded already.
    fn ledger_entry(&self, adjustment: &StockAdjustment) -> Result<TransactWriteItem, ServiceError> {
        self.insert_item(encode_adjustment(adjustment))
    }

    /// Returns the action that creates a stock item.
    fn new_stock_item(&self, adjustment: &StockAdjustment) -> Result<TransactWriteItem, ServiceError> {
        let product = &adjustment.product_id;
        let values =
            [(PRODUCT_ID, text(product)), (QUANTITY, number(adjustment.delta)), (REVISION, number(1))];
        self.insert_item(item(values.into_iter().chain(stock_list_entry(product))))
    }

    fn insert_item(&self, item: Item) -> Result<TransactWriteItem, ServiceError> {
        let put = Put::builder()
            .table_name(&self.settings.inventory_table)
            .set_item(Some(item))
            .condition_expression(format!("attribute_not_exists({PRODUCT_ID})"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Returns the action that changes the stock on hand, if the stock item exists and has
    /// the units to remove.
    fn stock_change(&self, adjustment: &StockAdjustment) -> Result<TransactWriteItem, ServiceError> {
        let (list_entry, values) = set_stock_list_entry(&adjustment.product_id);
        let update = Update::builder()
            .table_name(&self.settings.inventory_table)
            .key(PRODUCT_ID, text(&adjustment.product_id))
            .update_expression(format!("SET {list_entry} ADD {QUANTITY} :delta, {REVISION} :one"))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":delta", number(adjustment.delta))
            .expression_attribute_values(":one", number(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match adjustment.delta.removed_units() {
            Some(units) => update
                .condition_expression(format!("{QUANTITY} >= :units"))
                .expression_attribute_values(":units", number(units)),
            None => update.condition_expression(format!("attribute_exists({PRODUCT_ID})")),
        };
        let update = update.build().map_err(build_error)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns the action that requires the catalog to have the product.
    fn product_check(&self, product: &ProductId) -> Result<TransactWriteItem, ServiceError> {
        let check = ConditionCheck::builder()
            .table_name(&self.settings.products_table)
            .key(PRODUCT_ID, text(product))
            .condition_expression(format!("attribute_exists({PRODUCT_ID})"))
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}
