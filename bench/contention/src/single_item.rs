//! The design [`SingleItem`](crate::design::Design::SingleItem).

use std::time::Duration;

use aws::{RetryPolicy, ServiceError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use dynamodb::{number, text};

use crate::orders::{INVENTORY_TABLE, ORDERS_TABLE, product_id};

/// The retries of InventoryServiceFunction after conflicts.
const RETRIES: RetryPolicy = RetryPolicy {
    max_attempts: 10,
    base_delay: Duration::from_millis(20),
    max_delay: Duration::from_millis(800),
};

/// Reserves one unit for an order by three writes. Returns true on success.
///
/// Each write can be repeated, so that a crash between two of them loses
/// nothing. An order with several lines would need a compensating write for
/// each line. This design has none.
pub(crate) async fn reserve(client: &Client, order_id: &str) -> bool {
    let stock = || client.update_item().table_name(INVENTORY_TABLE).key("ProductId", text(product_id(0)));
    let hold = stock()
        .update_expression("SET Quantity = Quantity - :one, Held.#order = :one")
        .condition_expression("Quantity >= :one AND attribute_not_exists(Held.#order)")
        .expression_attribute_names("#order", order_id)
        .expression_attribute_values(":one", number(1));
    let confirm = client
        .update_item()
        .table_name(ORDERS_TABLE)
        .key("OrderId", text(order_id))
        .update_expression(
            "SET OrderStatus = :confirmed, UpdatedAt = :now, StockReserved = :yes REMOVE Event",
        )
        .condition_expression("OrderStatus = :placed")
        .expression_attribute_values(":placed", text("Placed"))
        .expression_attribute_values(":confirmed", text("Confirmed"))
        .expression_attribute_values(":now", text("2025-01-01T00:00:01.000Z"))
        .expression_attribute_values(":yes", AttributeValue::Bool(true));
    let release =
        stock().update_expression("REMOVE Held.#order").expression_attribute_names("#order", order_id);
    for write in [hold, confirm, release] {
        let attempt = async || match write.clone().send().await {
            // A failed condition means that an earlier attempt made this write.
            Err(error) if error.code() != Some("ConditionalCheckFailedException") => {
                Err(ServiceError::Conflict(error.to_string()))
            }
            _ => Ok(()),
        };
        if RETRIES.retry_on_conflict(attempt).await.is_err() {
            return false;
        }
    }
    true
}
