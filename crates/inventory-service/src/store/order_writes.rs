//! Writes of a single order.

use aws::ServiceError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::{EventId, Order, OrderAction, OrderId, OutboxEvent, Shipment, Shortage};
use dynamodb::attribute::{
    FULFILLMENT_SHARD, ITEMS, ORDER_ID, ORDER_STATUS, OUTBOX, OUTBOX_ID, SHORTAGES, STOCK_RESERVED,
    UPDATED_AT,
};
use dynamodb::{
    InsertOutcome, Item, StoredOrder, decode_order, encode_outbox, encode_shortages, keep_event,
    set_shipment, status_condition, text,
};
use lambda::clock::now;

use super::Store;
use super::plan::{Plan, PlannedWrite, WriteOutcome};
use super::transactions::same_lines_condition;

/// The outcome of an action that changes no stock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AdvanceOutcome {
    /// The status changed.
    Advanced,
    /// The status of this order does not allow the action, or there is no order.
    NotAllowed(Option<Box<Order>>),
}

/// The outcome of removing an event from the outbox.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AcknowledgeOutcome {
    /// The event is removed.
    Acknowledged,
    /// The attribute does not hold the event in this order, or there is no order.
    NotHeld(Option<Box<StoredOrder>>),
}

/// The outcome of a conditional update.
#[derive(Debug)]
enum ConditionalUpdate {
    /// The update was applied.
    Applied,
    /// The condition failed for this order, or there is no order.
    ConditionFailed(Option<Box<StoredOrder>>),
}

/// The reason for rejecting an order, and the event to publish.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) shortages: Vec<Shortage>,
    pub(crate) event: OutboxEvent,
}

impl Store {
    /// Rejects the order of a plan whose reservation was short.
    pub(crate) async fn reject(
        &self,
        plan: &Plan,
        rejection: &Rejection,
    ) -> Result<WriteOutcome, ServiceError> {
        match plan.write {
            PlannedWrite::Insert => self.insert_rejected(&plan.order, rejection).await,
            PlannedWrite::Update => self.reject_stored(&plan.order, rejection).await,
        }
    }

    async fn insert_rejected(
        &self,
        order: &Order,
        rejection: &Rejection,
    ) -> Result<WriteOutcome, ServiceError> {
        let rejected = Order {
            status: OrderAction::Reject.target(),
            shortages: rejection.shortages.clone(),
            ..order.clone()
        };
        let stored = StoredOrder { outbox: Some(rejection.event.clone()), ..rejected.into() };
        match self.insert(&stored).await? {
            InsertOutcome::Inserted => Ok(WriteOutcome::Applied),
            InsertOutcome::AlreadyExists(_) => Ok(WriteOutcome::OrderChanged),
        }
    }

    /// Rejects a stored order whose lines are still those of the plan.
    async fn reject_stored(
        &self,
        order: &Order,
        Rejection { shortages, event }: &Rejection,
    ) -> Result<WriteOutcome, ServiceError> {
        let (status, mut values) = status_condition(OrderAction::Reject);
        let (same_lines, line_values) = same_lines_condition(order);
        values.extend(line_values);
        let set = format!(
            "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now, {SHORTAGES} = :shortages, {OUTBOX} = :event"
        );
        let request = self
            .update_order(&order.id, &set, OrderAction::Reject)
            .condition_expression(format!("{status} AND {same_lines}"))
            .expression_attribute_names("#items", ITEMS)
            .expression_attribute_values(":shortages", encode_shortages(shortages))
            .expression_attribute_values(":event", encode_outbox(event));
        Ok(match send(with_values(request, values)).await? {
            ConditionalUpdate::Applied => WriteOutcome::Applied,
            // The SDK's retry of an update whose response was lost finds its own event.
            ConditionalUpdate::ConditionFailed(Some(stored)) if stored.outbox.as_ref() == Some(event) => {
                WriteOutcome::Applied
            }
            ConditionalUpdate::ConditionFailed(_) => WriteOutcome::OrderChanged,
        })
    }

    /// Cancels an order that holds no stock, and keeps an event that its outbox still has.
    pub(crate) async fn cancel(&self, order: &Order) -> Result<WriteOutcome, ServiceError> {
        let (keep_event, values) = keep_event(OrderAction::Cancel);
        let set = format!(
            "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now{keep_event} REMOVE {OUTBOX}, {FULFILLMENT_SHARD}"
        );
        let request = self
            .update_order(&order.id, &set, OrderAction::Cancel)
            .condition_expression(format!(
                "{ORDER_STATUS} = :from AND attribute_not_exists({STOCK_RESERVED})"
            ))
            .expression_attribute_values(":from", text(order.status));
        send(with_values(request, values)).await.map(WriteOutcome::from)
    }

    /// Removes the event `event` from the outbox attribute `attribute`.
    pub(crate) async fn acknowledge(
        &self,
        id: &OrderId,
        attribute: &str,
        event: &EventId,
    ) -> Result<AcknowledgeOutcome, ServiceError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.settings.orders_table)
            .key(ORDER_ID, text(id))
            .update_expression(format!("REMOVE {attribute}"))
            .condition_expression(format!("{attribute}.{OUTBOX_ID} = :event"))
            .expression_attribute_values(":event", text(event))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(match send(request).await? {
            ConditionalUpdate::Applied => AcknowledgeOutcome::Acknowledged,
            ConditionalUpdate::ConditionFailed(stored) => AcknowledgeOutcome::NotHeld(stored),
        })
    }

    /// Sets the target status of `action` if the current status allows it. Stores the values that
    /// `shipment` has, and keeps an event that the outbox still has.
    pub(crate) async fn advance(
        &self,
        id: &OrderId,
        action: OrderAction,
        shipment: &Shipment,
    ) -> Result<AdvanceOutcome, ServiceError> {
        let (set_shipment, shipment_values) = set_shipment(shipment);
        let (keep_event, event_values) = keep_event(action);
        let set = format!(
            "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now{keep_event}{set_shipment} \
             REMOVE {OUTBOX}, {FULFILLMENT_SHARD}"
        );
        let (condition, mut values) = status_condition(action);
        values.extend(shipment_values.into_iter().chain(event_values));
        let request = self.update_order(id, &set, action).condition_expression(condition);
        Ok(match send(with_values(request, values)).await? {
            ConditionalUpdate::Applied => AdvanceOutcome::Advanced,
            ConditionalUpdate::ConditionFailed(stored) => {
                AdvanceOutcome::NotAllowed(stored.map(|stored| Box::new(stored.order)))
            }
        })
    }

    fn update_order(&self, id: &OrderId, set: &str, action: OrderAction) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.settings.orders_table)
            .key(ORDER_ID, text(id))
            .update_expression(set)
            .expression_attribute_values(":to", text(action.target()))
            .expression_attribute_values(":now", text(now()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl From<ConditionalUpdate> for WriteOutcome {
    fn from(update: ConditionalUpdate) -> Self {
        match update {
            ConditionalUpdate::Applied => Self::Applied,
            ConditionalUpdate::ConditionFailed(_) => Self::OrderChanged,
        }
    }
}

impl From<AcknowledgeOutcome> for WriteOutcome {
    fn from(outcome: AcknowledgeOutcome) -> Self {
        match outcome {
            AcknowledgeOutcome::Acknowledged => Self::Applied,
            AcknowledgeOutcome::NotHeld(_) => Self::OrderChanged,
        }
    }
}

async fn send(request: UpdateItemFluentBuilder) -> Result<ConditionalUpdate, ServiceError> {
    let error = match request.send().await {
        Ok(_) => return Ok(ConditionalUpdate::Applied),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
            let stored = failure.item().map(decode_order).transpose()?;
            Ok(ConditionalUpdate::ConditionFailed(stored.map(Box::new)))
        }
        _ => Err(error.into()),
    }
}

fn with_values(request: UpdateItemFluentBuilder, values: Item) -> UpdateItemFluentBuilder {
    values
        .into_iter()
        .fold(request, |request, (name, value)| request.expression_attribute_values(name, value))
}
