//! Transactions for the tests of the engine and the proxy.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use dynamodb::{number, text};
use test_support::TestShop;

/// Returns an action that decrements the stock of a product if there is enough.
pub(crate) fn decrement(shop: &TestShop, product: &str, units: u64) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(&shop.tables.inventory)
        .key("ProductId", text(product))
        .update_expression("SET Quantity = Quantity - :units")
        .condition_expression("Quantity >= :units")
        .expression_attribute_values(":units", number(units))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().update(update.build().unwrap()).build()
}

/// Returns an action that inserts an order with a new id.
pub(crate) fn insert_order(shop: &TestShop, id: &str) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(&shop.tables.orders)
        .item("OrderId", text(id))
        .condition_expression("attribute_not_exists(OrderId)");
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

/// Runs a transaction. The error has the cancellation reasons.
pub(crate) async fn transact(
    client: &Client,
    items: impl IntoIterator<Item = TransactWriteItem>,
) -> Result<(), Vec<CancellationReason>> {
    let request = client.transact_write_items().set_transact_items(Some(items.into_iter().collect()));
    match request.send().await.map_err(SdkError::into_service_error) {
        Ok(_) => Ok(()),
        Err(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            Err(canceled.cancellation_reasons().to_vec())
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Returns the codes of cancellation reasons.
pub(crate) fn codes(reasons: &[CancellationReason]) -> Vec<&str> {
    reasons.iter().map(|reason| reason.code().unwrap()).collect()
}
