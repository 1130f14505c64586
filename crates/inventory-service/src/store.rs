//! What the events read and write in the tables. Every write is conditional:
//! one that finds the order in another state changes nothing and says so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use aws_support::{Backoff, Fault};
use domain::{Change, EventId, Line, Order, OrderId, PendingEvent, ProductId, Shortage, StockLevel};
use lambda_support::clock::now;
use lambda_support::{Metric, Metrics};
use tables::attribute::{
    EVENT, EVENT_ID, ITEMS, ORDER_ID, ORDER_STATUS, PRODUCT_ID, QUANTITY, SHORTAGES, STOCK_RESERVED,
    UPDATED_AT,
};
use tables::{BadItem, Item, number, text};

use crate::settings::Settings;
use crate::verdict::{self, Finding, Verdict};

/// For items that others are at. What outlasts this is left to Lambda's retry.
const CONTENTION: Backoff =
    Backoff { tries: 10, first: Duration::from_millis(20), longest: Duration::from_millis(800) };

/// For a transaction over many orders, which meets the like of it where many
/// want one product. It takes longer than one order's, and if it gives up, all
/// of them wait until the queue hands them out again: so it tries for longer,
/// up to about ten seconds, and waits for less between two tries.
/// docs/hot-products.md has what comes of that.
pub(crate) const JOINT_CONTENTION: Backoff =
    Backoff { tries: 30, first: Duration::from_millis(20), longest: Duration::from_millis(400) };

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// How an order gets its reservation.
#[derive(Debug)]
pub(crate) enum Plan {
    /// The order is stored as placed, with these lines.
    Confirm(Order),
    /// There is no such order: it is created along with its reservation.
    Create(Order),
}

impl Plan {
    pub(crate) const fn order(&self) -> &Order {
        match self {
            Self::Confirm(order) | Self::Create(order) => order,
        }
    }
}

/// What became of a transaction over several orders and the stock of their lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joint {
    /// It was made.
    Done,
    /// It was not, for at least one of these reasons.
    Canceled {
        /// What was found about each order, in the order given.
        orders: Vec<Finding<Order>>,
        /// What was found about the stock of each product: a refusal says how much there is.
        stock: BTreeMap<ProductId, Finding<u64>>,
    },
}

/// Why an order gets no reservation, and the event that says so.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) shortages: Vec<Shortage>,
    pub(crate) event: PendingEvent,
}

/// What became of an update.
#[derive(Debug)]
enum Written {
    /// It was made. If they were asked for, these are the old values of what it changed.
    Yes(Option<Item>),
    /// Its condition does not hold: the order is this, or there is none.
    No(Option<Box<Order>>),
}

/// What became of a change of status that touches no stock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Advanced {
    /// It was made.
    Now,
    /// It was made before, with the event that is now cleared from the outbox.
    Before,
    /// It is not legal: the order is this, or there is none.
    Not(Option<Box<Order>>),
}

/// The tables, as the consumer uses them.
#[derive(Debug)]
pub(crate) struct Store {
    client: Client,
    settings: Settings,
    metrics: Metrics,
}

impl Store {
    pub(crate) const fn new(client: Client, settings: Settings, metrics: Metrics) -> Self {
        Self { client, settings, metrics }
    }

    /// Runs `attempt` until it does not meet somebody else's write, or there is
    /// no further try; counts how often it did.
    ///
    /// # Errors
    /// The [`Fault`] of the last attempt.
    pub(crate) async fn while_contended<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.while_contended_for(CONTENTION, attempt).await
    }

    /// Like [`Store::while_contended`], with waits of one's own.
    pub(crate) async fn while_contended_for<T>(
        &self,
        backoff: Backoff,
        attempt: impl AsyncFn() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let conflicts = AtomicU64::new(0);
        let counted = async || {
            let outcome = attempt().await;
            if matches!(outcome, Err(Fault::Contended(_))) {
                conflicts.fetch_add(1, Ordering::Relaxed);
            }
            outcome
        };
        let outcome = backoff.while_contended(counted).await;
        self.metrics.add(Metric::ReservationConflicts, conflicts.into_inner());
        outcome
    }

    pub(crate) async fn stock(&self, id: &ProductId) -> Result<Option<StockLevel>, Fault> {
        let request = self.client.get_item().table_name(&self.settings.inventory_table);
        let request = request.key(PRODUCT_ID, text(id)).consistent_read(true);
        let output = request.send().await.map_err(Fault::of)?;
        output.item().map(tables::stock_from_item).transpose().map_err(bad_item)
    }

    pub(crate) async fn order(&self, id: &OrderId) -> Result<Option<Order>, Fault> {
        let request = self.client.get_item().table_name(&self.settings.orders_table);
        let request = request.key(ORDER_ID, text(id)).consistent_read(true);
        let output = request.send().await.map_err(Fault::of)?;
        output.item().map(tables::order_from_item).transpose().map_err(bad_item)
    }

    /// Takes the stock of all lines and confirms the order, or does neither.
    pub(crate) async fn reserve(&self, plan: &Plan) -> Result<Verdict, Fault> {
        self.transact(self.carry_out(plan)?, plan.order(), |line| self.take(line)).await
    }

    /// Takes the stock of all lines of all orders and confirms the orders, or
    /// does nothing of it. The orders differ, and with their products they are
    /// no more than a transaction has actions.
    pub(crate) async fn reserve_together(&self, plans: &[&Plan]) -> Result<Joint, Fault> {
        let mut pieces = BTreeMap::<ProductId, u64>::new();
        for line in plans.iter().flat_map(|plan| plan.order().lines()) {
            *pieces.entry(line.product_id.clone()).or_default() += u64::from(line.quantity.get());
        }
        let mut actions = plans.iter().map(|plan| self.carry_out(plan)).collect::<Result<Vec<_>, _>>()?;
        for (product, pieces) in &pieces {
            actions.push(self.take_pieces(product, *pieces)?);
        }
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(actions)).send().await
        else {
            return Ok(Joint::Done);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                verdict::of_all(canceled.cancellation_reasons(), plans.len(), pieces.into_keys())
            }
            _ => Err(Fault::of(error)),
        }
    }

    fn carry_out(&self, plan: &Plan) -> Result<TransactWriteItem, Fault> {
        match plan {
            Plan::Confirm(order) => self.confirm(order),
            Plan::Create(order) => self.create_confirmed(order),
        }
    }

    /// Stores the rejection of an order whose reservation fell short; `false`
    /// if somebody else decided its fate first.
    pub(crate) async fn reject(&self, plan: &Plan, rejection: &Rejection) -> Result<bool, Fault> {
        let Rejection { shortages, event } = rejection;
        match plan {
            Plan::Create(order) => {
                let rejected = Order {
                    status: Change::Reject.target(),
                    shortages: shortages.clone(),
                    event: Some(event.clone()),
                    ..order.clone()
                };
                self.insert(&rejected).await
            }
            Plan::Confirm(order) => {
                let (legal, sources) = tables::legal_sources(Change::Reject);
                let set = format!(
                    "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now, {SHORTAGES} = :shortages, {EVENT} = :event"
                );
                let request = self
                    .update_order(&order.id, &set, Change::Reject)
                    .condition_expression(legal)
                    .expression_attribute_values(":shortages", tables::shortages_to_value(shortages))
                    .expression_attribute_values(":event", tables::pending_event_to_value(event));
                Ok(match write(with_values(request, sources)).await? {
                    Written::Yes(_) => true,
                    // By a try of this very call whose answer was lost.
                    Written::No(order) => order.is_some_and(|order| order.event.as_ref() == Some(event)),
                })
            }
        }
    }

    /// Stores an order; `false` if its id is taken.
    pub(crate) async fn insert(&self, order: &Order) -> Result<bool, Fault> {
        let request = self.client.put_item().table_name(&self.settings.orders_table);
        let request = request
            .set_item(Some(tables::order_to_item(order)))
            .condition_expression(format!("attribute_not_exists({ORDER_ID})"));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Fault::of(error)),
            },
        }
    }

    /// Gives back the stock of all lines and cancels the order, or does
    /// neither; `false` if the order is no longer as it was read.
    pub(crate) async fn give_back(&self, order: &Order) -> Result<bool, Fault> {
        let set = format!("SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now REMOVE {STOCK_RESERVED}, {EVENT}");
        let canceled = Update::builder()
            .table_name(&self.settings.orders_table)
            .key(ORDER_ID, text(&order.id))
            .update_expression(set)
            .condition_expression(format!("{ORDER_STATUS} = :from AND {STOCK_RESERVED} = :reserved"))
            .expression_attribute_values(":from", text(order.status))
            .expression_attribute_values(":to", text(Change::Cancel.target()))
            .expression_attribute_values(":now", text(now()))
            .expression_attribute_values(":reserved", AttributeValue::Bool(true))
            .build()
            .map_err(unbuilt)?;
        let canceled = TransactWriteItem::builder().update(canceled).build();
        match self.transact(canceled, order, |line| self.put_back(line)).await? {
            Verdict::Done => Ok(true),
            Verdict::Order(_) => Ok(false),
            // Giving back has no condition on the stock.
            Verdict::Short(_) => Err(Fault::Broken("giving back found a shortage".into())),
        }
    }

    /// Cancels an order that holds no stock; `false` if it is no longer as it was read.
    pub(crate) async fn cancel(&self, order: &Order) -> Result<bool, Fault> {
        let set = format!("SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now REMOVE {EVENT}");
        let request = self
            .update_order(&order.id, &set, Change::Cancel)
            .condition_expression(format!(
                "{ORDER_STATUS} = :from AND attribute_not_exists({STOCK_RESERVED})"
            ))
            .expression_attribute_values(":from", text(order.status));
        Ok(matches!(write(request).await?, Written::Yes(_)))
    }

    /// Clears the outbox of an event for which nothing is left to do; `false`
    /// if the order is no longer as it was read.
    pub(crate) async fn acknowledge(&self, order: &Order, event: &EventId) -> Result<bool, Fault> {
        let request = self.client.update_item().table_name(&self.settings.orders_table);
        let request = request
            .key(ORDER_ID, text(&order.id))
            .update_expression(format!("REMOVE {EVENT}"))
            .condition_expression(format!("{ORDER_STATUS} = :from AND {EVENT}.{EVENT_ID} = :event"))
            .expression_attribute_values(":from", text(order.status))
            .expression_attribute_values(":event", text(event));
        Ok(matches!(write(request).await?, Written::Yes(_)))
    }

    /// Sets the status that `change` leads to, where that is legal or where it
    /// was set together with this very event; otherwise returns the order as it is.
    pub(crate) async fn advance(
        &self,
        id: &OrderId,
        change: Change,
        event: Option<&EventId>,
    ) -> Result<Advanced, Fault> {
        let set = format!("SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now REMOVE {EVENT}");
        let (legal, sources) = tables::legal_sources(change);
        let request = with_values(self.update_order(id, &set, change), sources);
        let request = match event {
            None => request.condition_expression(legal),
            Some(event) => request
                .condition_expression(format!(
                    "{legal} OR ({ORDER_STATUS} = :to AND {EVENT}.{EVENT_ID} = :event)"
                ))
                .expression_attribute_values(":event", text(event)),
        };
        Ok(match write(request.return_values(ReturnValue::UpdatedOld)).await? {
            Written::No(order) => Advanced::Not(order),
            Written::Yes(old) => match old.as_ref().and_then(|old| old.get(ORDER_STATUS)) {
                Some(status) if *status == text(change.target()) => Advanced::Before,
                _ => Advanced::Now,
            },
        })
    }

    fn update_order(&self, id: &OrderId, set: &str, change: Change) -> UpdateItemFluentBuilder {
        let request = self.client.update_item().table_name(&self.settings.orders_table);
        request
            .key(ORDER_ID, text(id))
            .update_expression(set)
            .expression_attribute_values(":to", text(change.target()))
            .expression_attribute_values(":now", text(now()))
            .return_values_on_condition_check_failure(ALL_OLD)
    }

    /// One transaction over an order and the stock of its lines.
    async fn transact(
        &self,
        on_order: TransactWriteItem,
        order: &Order,
        on_line: impl Fn(&Line) -> Result<TransactWriteItem, Fault>,
    ) -> Result<Verdict, Fault> {
        let mut actions = vec![on_order];
        for line in order.lines() {
            actions.push(on_line(line)?);
        }
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(actions)).send().await
        else {
            return Ok(Verdict::Done);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                verdict::of(canceled.cancellation_reasons(), order.lines())
            }
            _ => Err(Fault::of(error)),
        }
    }

    /// Placed to confirmed, on condition that the order holds just these lines.
    fn confirm(&self, order: &Order) -> Result<TransactWriteItem, Fault> {
        let (legal, sources) = tables::legal_sources(Change::Confirm);
        let mut condition = format!("{legal} AND size(#items) = :lines");
        let mut values = sources;
        for (n, line) in order.lines().enumerate() {
            condition.push_str(&format!(
                " AND #items[{n}].{PRODUCT_ID} = :product{n} AND #items[{n}].{QUANTITY} = :quantity{n}"
            ));
            values.insert(format!(":product{n}"), text(&line.product_id));
            values.insert(format!(":quantity{n}"), number(line.quantity));
        }
        values.insert(":lines".into(), number(order.items.len()));
        values.insert(":to".into(), text(Change::Confirm.target()));
        values.insert(":now".into(), text(now()));
        values.insert(":reserved".into(), AttributeValue::Bool(true));
        let update = Update::builder()
            .table_name(&self.settings.orders_table)
            .key(ORDER_ID, text(&order.id))
            .update_expression(format!(
                "SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now, {STOCK_RESERVED} = :reserved REMOVE {EVENT}"
            ))
            .condition_expression(condition)
            .expression_attribute_names("#items", ITEMS)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ALL_OLD)
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(unbuilt)?).build())
    }

    fn create_confirmed(&self, order: &Order) -> Result<TransactWriteItem, Fault> {
        let confirmed = Order { status: Change::Confirm.target(), stock_reserved: true, ..order.clone() };
        let put = Put::builder()
            .table_name(&self.settings.orders_table)
            .set_item(Some(tables::order_to_item(&confirmed)))
            .condition_expression(format!("attribute_not_exists({ORDER_ID})"))
            .return_values_on_condition_check_failure(ALL_OLD)
            .build();
        Ok(TransactWriteItem::builder().put(put.map_err(unbuilt)?).build())
    }

    fn take(&self, line: &Line) -> Result<TransactWriteItem, Fault> {
        self.take_pieces(&line.product_id, line.quantity.get().into())
    }

    fn take_pieces(&self, product: &ProductId, pieces: u64) -> Result<TransactWriteItem, Fault> {
        let update = self
            .update_stock(product, pieces)
            .update_expression(format!("SET {QUANTITY} = {QUANTITY} - :quantity"))
            .condition_expression(format!("{QUANTITY} >= :quantity"))
            .return_values_on_condition_check_failure(ALL_OLD);
        Ok(TransactWriteItem::builder().update(update.build().map_err(unbuilt)?).build())
    }

    fn put_back(&self, line: &Line) -> Result<TransactWriteItem, Fault> {
        let update = self.update_stock(&line.product_id, line.quantity.get().into());
        let update = update.update_expression(format!("ADD {QUANTITY} :quantity"));
        Ok(TransactWriteItem::builder().update(update.build().map_err(unbuilt)?).build())
    }

    fn update_stock(&self, product: &ProductId, pieces: u64) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.settings.inventory_table)
            .key(PRODUCT_ID, text(product))
            .expression_attribute_values(":quantity", number(pieces))
    }
}

async fn write(request: UpdateItemFluentBuilder) -> Result<Written, Fault> {
    let error = match request.send().await {
        Ok(output) => return Ok(Written::Yes(output.attributes)),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
            let order = refused.item().map(tables::order_from_item).transpose().map_err(bad_item)?;
            Ok(Written::No(order.map(Box::new)))
        }
        _ => Err(Fault::of(error)),
    }
}

fn with_values(request: UpdateItemFluentBuilder, values: Item) -> UpdateItemFluentBuilder {
    values
        .into_iter()
        .fold(request, |request, (name, value)| request.expression_attribute_values(name, value))
}

pub(crate) fn bad_item(error: BadItem) -> Fault {
    Fault::Broken(error.to_string())
}

fn unbuilt(error: BuildError) -> Fault {
    Fault::Broken(error.to_string())
}
