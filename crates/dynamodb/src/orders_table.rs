//! Reads and inserts of orders that both services make.

use aws::ServiceError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::OrderId;

use crate::attribute::ORDER_ID;
use crate::order_item::{decode_order, encode_order};
use crate::stored_order::StoredOrder;
use crate::value::text;

/// The Orders table.
#[derive(Debug, Clone)]
pub struct OrdersTable {
    /// DynamoDB client.
    pub client: Client,
    /// Table name.
    pub name: String,
}

/// The outcome of inserting an order.
#[derive(Debug)]
pub enum InsertOutcome {
    /// The order was stored.
    Inserted,
    /// The id belongs to this order, which was stored earlier.
    AlreadyExists(Box<StoredOrder>),
}

impl InsertOutcome {
    /// Returns true if this call stored `order`. The SDK's retry of an insert whose
    /// response was lost finds the order that the first attempt stored.
    #[must_use]
    pub fn by_this_call(&self, order: &StoredOrder) -> bool {
        match self {
            Self::Inserted => true,
            Self::AlreadyExists(stored) => stored.outbox.is_some() && stored.outbox == order.outbox,
        }
    }
}

impl OrdersTable {
    /// Reads an order consistently.
    ///
    /// # Errors
    /// [`ServiceError`] if the call fails or the item is invalid.
    pub async fn get(&self, id: &OrderId) -> Result<Option<StoredOrder>, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(ORDER_ID, text(id))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item().map(decode_order).transpose()?)
    }

    /// Stores a new order. Changes nothing if its id exists.
    ///
    /// # Errors
    /// [`ServiceError`] if the call fails or the existing item is invalid.
    pub async fn insert(&self, order: &StoredOrder) -> Result<InsertOutcome, ServiceError> {
        let result = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(encode_order(order)))
            .condition_expression(format!("attribute_not_exists({ORDER_ID})"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else {
            return Ok(InsertOutcome::Inserted);
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failure)) => {
                let existing = failure.item().ok_or_else(missing_item)?;
                Ok(InsertOutcome::AlreadyExists(Box::new(decode_order(existing)?)))
            }
            _ => Err(error.into()),
        }
    }
}

fn missing_item() -> ServiceError {
    ServiceError::Permanent("PutItem returned no existing item".to_owned())
}
