//! Transactions over orders and the stock of their lines.

use std::collections::BTreeMap;

use aws::ServiceError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::{
    EventId, EventKind, FulfillmentPosition, FulfillmentShard, Order, OrderAction, OutboxEvent, ProductId,
};
use dynamodb::attribute::{
    FULFILLMENT_POSITION, FULFILLMENT_SHARD, ITEMS, ORDER_ID, ORDER_STATUS, OUTBOX, PRODUCT_ID, QUANTITY,
    STOCK_RESERVED, UPDATED_AT,
};
use dynamodb::{
    Item, StoredOrder, encode_order, encode_outbox, item, keep_event, number, status_condition, text,
};
use lambda::clock::now;

use super::cancellation::{self, BatchOutcome, TransactionOutcome};
use super::plan::{Plan, PlannedWrite, WriteOutcome};
use super::{Store, build_error};

/// The result of a transaction.
pub(super) enum Execution {
    Committed,
    /// DynamoDB canceled the transaction, with one reason for each action.
    Canceled(Vec<CancellationReason>),
}

impl Store {
    /// Reserves the stock of all lines and confirms the order, or does neither.
    pub(crate) async fn reserve(&self, plan: &Plan) -> Result<TransactionOutcome, ServiceError> {
        let order = &plan.order;
        let mut actions = vec![self.order_write(plan)?];
        for line in order.lines() {
            actions.push(self.decrement(&line.product_id, line.quantity.get().into())?);
        }
        self.transact(actions, order).await
    }

    /// Reserves the stock of all lines of all orders and confirms the orders, or does
    /// nothing. All orders differ, and orders and products together do not exceed the
    /// actions of a transaction.
    pub(crate) async fn reserve_batch(&self, plans: &[&Plan]) -> Result<BatchOutcome, ServiceError> {
        let mut units = BTreeMap::<ProductId, u64>::new();
        for line in plans.iter().flat_map(|plan| plan.order.lines()) {
            *units.entry(line.product_id.clone()).or_default() += u64::from(line.quantity.get());
        }
        let mut actions = plans.iter().map(|plan| self.order_write(plan)).collect::<Result<Vec<_>, _>>()?;
        for (product, units) in &units {
            actions.push(self.decrement(product, *units)?);
        }
        match self.execute(actions).await? {
            Execution::Committed => Ok(BatchOutcome::Committed),
            Execution::Canceled(reasons) => {
                cancellation::batch_outcome(&reasons, plans.len(), units.into_keys())
            }
        }
    }

    /// Releases the stock of all lines, cancels the order and removes `event` from its outbox, or
    /// does nothing.
    pub(crate) async fn release(
        &self,
        stored: &StoredOrder,
        event: Option<&EventId>,
    ) -> Result<WriteOutcome, ServiceError> {
        let order = &stored.order;
        let mut actions = vec![self.cancel_reserved(stored, event)?];
        for line in order.lines() {
            actions.push(self.increment(line)?);
        }
        match self.transact(actions, order).await? {
            TransactionOutcome::Committed => Ok(WriteOutcome::Applied),
            TransactionOutcome::OrderDiffers(_) => Ok(WriteOutcome::OrderChanged),
            // An increment has no condition.
            TransactionOutcome::Short(_) => {
                Err(ServiceError::Permanent("releasing stock reported a shortage".into()))
            }
        }
    }

    /// Runs a transaction whose first action is on `order`, followed by one for each line.
    async fn transact(
        &self,
        actions: Vec<TransactWriteItem>,
        order: &Order,
    ) -> Result<TransactionOutcome, ServiceError> {
        match self.execute(actions).await? {
            Execution::Committed => Ok(TransactionOutcome::Committed),
            Execution::Canceled(reasons) => {
                for line in cancellation::contended_lines(&reasons, order.lines()) {
                    self.contended.insert(&line.product_id);
                }
                cancellation::transaction_outcome(&reasons, order.lines())
            }
        }
    }

    /// Runs a transaction.
    pub(super) async fn execute(&self, actions: Vec<TransactWriteItem>) -> Result<Execution, ServiceError> {
        let result = self.client.transact_write_items().set_transact_items(Some(actions)).send().await;
        let Err(error) = result else {
            return Ok(Execution::Committed);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                Ok(Execution::Canceled(canceled.cancellation_reasons().to_vec()))
            }
            _ => Err(error.into()),
        }
    }

    fn order_write(&self, plan: &Plan) -> Result<TransactWriteItem, ServiceError> {
        let event = plan.event(EventKind::Confirmed, now());
        match plan.write {
            PlannedWrite::Update => self.confirm(&plan.order, &event),
            PlannedWrite::Insert => self.insert_confirmed(&plan.order, event),
        }
    }

    /// Returns an action that confirms the order, stores `event` in its outbox and puts it
    /// on the list of orders to ship, on condition that it is placed and its stored lines
    /// equal those of `order`.
    fn confirm(&self, order: &Order, event: &OutboxEvent) -> Result<TransactWriteItem, ServiceError> {
        let (status, mut values) = status_condition(OrderAction::Confirm);
        let (same_lines, line_values) = same_lines_condition(order);
        values.extend(line_values);
        let update = Update::builder()
            .table_name(&self.settings.orders_table)
            .key(ORDER_ID, text(&order.id))
            .update_expression(format!(
                "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now, {STOCK_RESERVED} = :reserved, {OUTBOX} = :event, \
                 {FULFILLMENT_SHARD} = :shard, {FULFILLMENT_POSITION} = :position"
            ))
            .condition_expression(format!("{status} AND {same_lines}"))
            .expression_attribute_names("#items", ITEMS)
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":to", text(OrderAction::Confirm.target()))
            .expression_attribute_values(":now", text(event.time))
            .expression_attribute_values(":reserved", AttributeValue::Bool(true))
            .expression_attribute_values(":event", encode_outbox(event))
            .expression_attribute_values(":shard", text(FulfillmentShard::of(&order.id)))
            .expression_attribute_values(":position", text(FulfillmentPosition::new(event.time, &order.id)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns the action that inserts an order as confirmed, with `event` in its outbox.
    fn insert_confirmed(&self, order: &Order, event: OutboxEvent) -> Result<TransactWriteItem, ServiceError> {
        let confirmed = StoredOrder::confirmed(order.clone(), event);
        let put = Put::builder()
            .table_name(&self.settings.orders_table)
            .set_item(Some(encode_order(&confirmed)))
            .condition_expression(format!("attribute_not_exists({ORDER_ID})"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Returns the action that cancels an order that holds stock, or completes its cancellation. It
    /// removes `event` from the outbox, and keeps any other event.
    fn cancel_reserved(
        &self,
        stored: &StoredOrder,
        event: Option<&EventId>,
    ) -> Result<TransactWriteItem, ServiceError> {
        let order = &stored.order;
        let is_canceled = order.status == OrderAction::Cancel.target();
        let (keep_event, values) =
            if is_canceled { Default::default() } else { keep_event(OrderAction::Cancel) };
        let is_acknowledged = event.is_some_and(|event| stored.holds_event(event));
        let outbox = if is_acknowledged || !is_canceled { format!(", {OUTBOX}") } else { String::new() };
        let update = Update::builder()
            .table_name(&self.settings.orders_table)
            .key(ORDER_ID, text(&order.id))
            .update_expression(format!(
                "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now{keep_event} \
                 REMOVE {STOCK_RESERVED}, {FULFILLMENT_SHARD}{outbox}"
            ))
            .set_expression_attribute_values(Some(values))
            .condition_expression(format!("{ORDER_STATUS} = :from AND {STOCK_RESERVED} = :reserved"))
            .expression_attribute_values(":from", text(order.status))
            .expression_attribute_values(":to", text(OrderAction::Cancel.target()))
            .expression_attribute_values(":now", text(now()))
            .expression_attribute_values(":reserved", AttributeValue::Bool(true))
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// Returns the condition that the stored lines equal those of `order`, and its expression
/// values. The expression name `#items` stands for [`ITEMS`].
pub(super) fn same_lines_condition(order: &Order) -> (String, Item) {
    let mut condition = "size(#items) = :lines".to_owned();
    let mut values = item([(":lines", number(order.items.len()))]);
    for (index, line) in order.lines().enumerate() {
        condition.push_str(&format!(
            " AND #items[{index}].{PRODUCT_ID} = :product{index} AND #items[{index}].{QUANTITY} = :quantity{index}"
        ));
        values.insert(format!(":product{index}"), text(&line.product_id));
        values.insert(format!(":quantity{index}"), number(line.quantity));
    }
    (condition, values)
}
