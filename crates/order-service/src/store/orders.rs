//! Reads and writes of the Orders table.

use std::fmt::Display;

use aws::ServiceError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{CustomerId, ListPosition, Order, OrderAction, OrderId, OrderScope, OutboxEvent, Shipment};
use dynamodb::attribute::{
    CREATED_AT, CUSTOMER_ID, CUSTOMER_ORDERS_INDEX, FULFILLMENT_SHARD, ORDER_ID, ORDER_STATUS, OUTBOX,
    UPDATED_AT,
};
use dynamodb::batch_get::get_by_id;
use dynamodb::{
    InsertOutcome, Item, Page, StoredOrder, decode_order, encode_outbox, id_attribute, item, keep_event,
    set_shipment, status_condition, text,
};

use super::{RETRY_POLICY, Store};

/// A change of the status of an order.
#[derive(Debug)]
pub(crate) struct StatusChange {
    pub(crate) action: OrderAction,
    /// Values to store with the status.
    pub(crate) shipment: Shipment,
    /// Event that the change causes.
    pub(crate) event: OutboxEvent,
}

/// The outcome of changing the status of an order.
#[derive(Debug)]
pub(crate) enum UpdateOutcome {
    /// The status changed. The order is returned as it is now.
    Updated(Box<StoredOrder>),
    /// The status of this order does not allow the change.
    NotAllowed(Box<StoredOrder>),
    /// The order does not exist or is out of scope.
    NotFound,
}

impl UpdateOutcome {
    /// Returns true if this call made the change with `event`. The SDK's retry of an
    /// update whose response was lost finds the order already changed.
    pub(crate) fn by_this_call(&self, event: &OutboxEvent) -> bool {
        match self {
            Self::Updated(_) => true,
            Self::NotAllowed(stored) => stored.outbox.as_ref() == Some(event),
            Self::NotFound => false,
        }
    }
}

impl Store {
    pub(crate) async fn order(&self, id: &OrderId) -> Result<Option<StoredOrder>, ServiceError> {
        self.orders.get(id).await
    }

    /// Stores a new order. Changes nothing if its id exists.
    pub(crate) async fn insert(&self, order: &StoredOrder) -> Result<InsertOutcome, ServiceError> {
        RETRY_POLICY.retry_on_conflict(async || self.orders.insert(order).await).await
    }

    /// Makes a change and stores its event in the outbox with one write, if the status
    /// allows it and the order is in scope. An earlier event that the outbox still has is kept.
    /// The order leaves the list of orders to ship.
    pub(crate) async fn update_status(
        &self,
        id: &OrderId,
        scope: &OrderScope,
        change: &StatusChange,
    ) -> Result<UpdateOutcome, ServiceError> {
        RETRY_POLICY.retry_on_conflict(async || self.try_update_status(id, scope, change).await).await
    }

    async fn try_update_status(
        &self,
        id: &OrderId,
        scope: &OrderScope,
        StatusChange { action, shipment, event }: &StatusChange,
    ) -> Result<UpdateOutcome, ServiceError> {
        let (condition, mut values) = update_condition(scope, *action);
        let (set_shipment, shipment_values) = set_shipment(shipment);
        let (keep_event, event_values) = keep_event(*action);
        values.extend(shipment_values.into_iter().chain(event_values));
        let result = self
            .client
            .update_item()
            .table_name(&self.settings.orders_table)
            .set_expression_attribute_values(Some(values))
            .key(ORDER_ID, text(id))
            .update_expression(format!(
                "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now, {OUTBOX} = :event{keep_event}{set_shipment} \
                 REMOVE {FULFILLMENT_SHARD}"
            ))
            .condition_expression(condition)
            .expression_attribute_values(":to", text(action.target()))
            .expression_attribute_values(":now", text(event.time))
            .expression_attribute_values(":event", encode_outbox(event))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match result {
            Ok(output) => {
                let updated = output.attributes().ok_or_else(missing_item)?;
                return Ok(UpdateOutcome::Updated(Box::new(decode_order(updated)?)));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
                let stored = failure.item().map(decode_order).transpose()?;
                Ok(failed_update(stored, scope))
            }
            _ => Err(error.into()),
        }
    }

    /// Returns a page of a customer's orders, newest first, after the position `after`.
    pub(crate) async fn orders_of(
        &self,
        customer: &CustomerId,
        limit: i32,
        after: Option<&ListPosition<OrderId>>,
    ) -> Result<Page<Order>, ServiceError> {
        let output = self
            .client
            .query()
            .table_name(&self.settings.orders_table)
            .index_name(CUSTOMER_ORDERS_INDEX)
            .key_condition_expression(format!("{CUSTOMER_ID} = :customer"))
            .expression_attribute_values(":customer", text(customer))
            .scan_index_forward(false)
            .limit(limit)
            .set_exclusive_start_key(after.map(|position| index_key(customer, position)))
            .send()
            .await?;
        let last = output.last_evaluated_key().map(index_position).transpose()?;
        let ids: Vec<_> =
            output.items().iter().map(|item| id_attribute(item, ORDER_ID)).collect::<Result<_, _>>()?;
        self.page_of_orders(&ids, last).await
    }

    /// Returns a page of the orders with these ids that exist, in the order of `ids`.
    pub(super) async fn page_of_orders(
        &self,
        ids: &[String],
        last: Option<String>,
    ) -> Result<Page<Order>, ServiceError> {
        let items = self.batch_get_orders(ids).await?;
        Ok(Page::decode(&items, ORDER_ID, |item| Ok(decode_order(item)?.order), last))
    }

    /// Returns the items of the orders that exist, in the order of `ids`. `ids` are at most
    /// 100, without duplicates.
    pub(crate) async fn batch_get_orders(&self, ids: &[impl Display]) -> Result<Vec<Item>, ServiceError> {
        get_by_id(&self.client, &self.settings.orders_table, ORDER_ID, ids).await
    }
}

/// Returns the condition that the status allows `action` and the order is in scope.
fn update_condition(scope: &OrderScope, action: OrderAction) -> (String, Item) {
    let (mut condition, mut values) = status_condition(action);
    if let OrderScope::OwnedBy(owner) = scope {
        condition = format!("{condition} AND {CUSTOMER_ID} = :owner");
        values.insert(":owner".to_owned(), text(owner));
    }
    (condition, values)
}

/// Interprets a failed condition. An order out of scope looks like one that does not exist.
fn failed_update(stored: Option<StoredOrder>, scope: &OrderScope) -> UpdateOutcome {
    match stored.filter(|stored| scope.includes(&stored.order.customer_id)) {
        Some(stored) => UpdateOutcome::NotAllowed(Box::new(stored)),
        None => UpdateOutcome::NotFound,
    }
}

/// Returns the key of a position in the list of a customer's orders.
fn index_key(customer: &CustomerId, position: &ListPosition<OrderId>) -> Item {
    item([(ORDER_ID, text(&position.id)), (CUSTOMER_ID, text(customer)), (CREATED_AT, text(position.time))])
}

/// Returns the position of a key in the list of a customer's orders.
fn index_position(key: &Item) -> Result<String, ServiceError> {
    Ok(format!("{}#{}", id_attribute(key, CREATED_AT)?, id_attribute(key, ORDER_ID)?))
}

fn missing_item() -> ServiceError {
    ServiceError::Permanent("UpdateItem returned no item".to_owned())
}
