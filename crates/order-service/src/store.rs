//! What the API reads and writes in the tables.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_support::{Backoff, Fault};
use domain::{Change, CustomerId, Lines, Money, Order, OrderId, PendingEvent, Product, ProductId};
use lambda_support::Reach;
use tables::attribute::{
    CREATED_AT, CUSTOMER_ID, CUSTOMER_ORDERS_INDEX, EVENT, ORDER_ID, ORDER_STATUS, PRICE, PRODUCT_ID,
    UPDATED_AT,
};
use tables::{BadItem, Item, key, text};

use crate::settings::Settings;

/// For keys that a batch left out, and for items that a transaction holds.
const BACKOFF: Backoff =
    Backoff { tries: 5, first: Duration::from_millis(25), longest: Duration::from_millis(400) };

/// The tables, as the API uses them. Every read is consistent: a price or an
/// order that is a moment old would be a wrong answer.
#[derive(Debug)]
pub(crate) struct Store {
    client: Client,
    settings: Settings,
}

/// What became of a new order.
#[derive(Debug)]
pub(crate) enum Inserted {
    /// It was stored.
    Now,
    /// Its id was taken by this order.
    Before(Box<Order>),
}

impl Inserted {
    /// Whether `order` was stored by this call. It was also if an answer was
    /// lost on the way, and a try after that found the order already there.
    pub(crate) fn made(&self, order: &Order) -> bool {
        match self {
            Self::Now => true,
            Self::Before(stored) => stored.event.is_some() && stored.event == order.event,
        }
    }
}

/// What became of a change of status.
#[derive(Debug)]
pub(crate) enum Changed {
    /// It was made; the order as it is now.
    Now(Box<Order>),
    /// It is not legal for this order as it stands.
    Refused(Box<Order>),
    /// There is no such order within reach.
    NoOrder,
}

impl Changed {
    /// Whether the change was made by this call, with `event`, if need be by a
    /// try whose answer was lost.
    pub(crate) fn made(&self, event: &PendingEvent) -> bool {
        match self {
            Self::Now(_) => true,
            Self::Refused(order) => order.event.as_ref() == Some(event),
            Self::NoOrder => false,
        }
    }
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) entries: Vec<T>,
    /// The id behind which the next page begins, if there may be one.
    pub(crate) last: Option<String>,
}

impl Store {
    pub(crate) const fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings }
    }

    pub(crate) async fn customer_exists(&self, id: &CustomerId) -> Result<bool, Fault> {
        let request = self.client.get_item().table_name(&self.settings.customers_table);
        let request = request.key(CUSTOMER_ID, text(id)).projection_expression(CUSTOMER_ID);
        let output = request.consistent_read(true).send().await.map_err(Fault::of)?;
        Ok(output.item.is_some())
    }

    /// Whether the customer exists, and the prices of those products that do, by
    /// one request for both.
    pub(crate) async fn customer_and_prices(
        &self,
        customer: &CustomerId,
        lines: &Lines,
    ) -> Result<(bool, BTreeMap<ProductId, Money>), Fault> {
        let customers = keys_of(CUSTOMER_ID, [customer]).projection_expression(CUSTOMER_ID);
        let products = keys_of(PRODUCT_ID, lines.iter().map(|line| &line.product_id))
            .projection_expression(format!("{PRODUCT_ID}, {PRICE}"));
        let Settings { customers_table, products_table, .. } = &self.settings;
        let mut found = self.batch_get([(customers_table, customers), (products_table, products)]).await?;
        let mut take = |table| found.remove(table).unwrap_or_default();
        let (customers, products) = (take(customers_table), take(products_table));
        let prices = products.iter().map(|item| tables::price_from_item(item).map_err(bad_item));
        Ok((!customers.is_empty(), prices.collect::<Result<_, _>>()?))
    }

    /// Stores a new order. An id that is taken changes nothing.
    pub(crate) async fn insert(&self, order: &Order) -> Result<Inserted, Fault> {
        BACKOFF.while_contended(async || self.try_insert(order).await).await
    }

    async fn try_insert(&self, order: &Order) -> Result<Inserted, Fault> {
        let request = self.client.put_item().table_name(&self.settings.orders_table);
        let request = request
            .set_item(Some(tables::order_to_item(order)))
            .condition_expression(format!("attribute_not_exists({ORDER_ID})"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = request.send().await else {
            return Ok(Inserted::Now);
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(taken)) => {
                let stored = taken.item().ok_or_else(|| missing_item("PutItem"))?;
                read_order(stored).map(|stored| Inserted::Before(Box::new(stored)))
            }
            _ => Err(Fault::of(error)),
        }
    }

    pub(crate) async fn order(&self, id: &OrderId) -> Result<Option<Order>, Fault> {
        let request = self.client.get_item().table_name(&self.settings.orders_table);
        let request = request.key(ORDER_ID, text(id)).consistent_read(true);
        let output = request.send().await.map_err(Fault::of)?;
        output.item().map(read_order).transpose()
    }

    /// Makes a change, where it is legal and the order within reach, together
    /// with the event that it calls for. One write checks and does all of it.
    pub(crate) async fn change(
        &self,
        id: &OrderId,
        reach: &Reach,
        change: Change,
        event: &PendingEvent,
    ) -> Result<Changed, Fault> {
        BACKOFF.while_contended(async || self.try_change(id, reach, change, event).await).await
    }

    async fn try_change(
        &self,
        id: &OrderId,
        reach: &Reach,
        change: Change,
        event: &PendingEvent,
    ) -> Result<Changed, Fault> {
        let (condition, values) = condition(reach, change);
        let request = self.client.update_item().table_name(&self.settings.orders_table);
        let request = request
            .set_expression_attribute_values(Some(values))
            .key(ORDER_ID, text(id))
            .update_expression(format!("SET {ORDER_STATUS} = :to, {UPDATED_AT} = :now, {EVENT} = :event"))
            .condition_expression(condition)
            .expression_attribute_values(":to", text(change.target()))
            .expression_attribute_values(":now", text(event.time))
            .expression_attribute_values(":event", tables::pending_event_to_value(event))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(output) => {
                let new = output.attributes().ok_or_else(|| missing_item("UpdateItem"))?;
                read_order(new).map(|new| Changed::Now(Box::new(new)))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => match refused.item() {
                    Some(old) => read_order(old).map(|old| refusal(old, reach)),
                    None => Ok(Changed::NoOrder),
                },
                _ => Err(Fault::of(error)),
            },
        }
    }

    /// A customer's orders, newest first, behind the order `after`.
    pub(crate) async fn orders_of(
        &self,
        customer: &CustomerId,
        limit: i32,
        after: Option<&Order>,
    ) -> Result<Page<Order>, Fault> {
        let request = self.client.query().table_name(&self.settings.orders_table);
        let request = request
            .index_name(CUSTOMER_ORDERS_INDEX)
            .key_condition_expression(format!("{CUSTOMER_ID} = :customer"))
            .expression_attribute_values(":customer", text(customer))
            .scan_index_forward(false)
            .limit(limit)
            .set_exclusive_start_key(after.map(index_key));
        let output = request.send().await.map_err(Fault::of)?;
        let last = output.last_evaluated_key().map(|key| id_of(key, ORDER_ID)).transpose()?;
        let ids = output.items().iter().map(|item| id_of(item, ORDER_ID)).collect::<Result<Vec<_>, _>>()?;
        Ok(Page { entries: self.orders_by_id(&ids).await?, last })
    }

    /// The orders of these ids, in this order.
    async fn orders_by_id(&self, ids: &[String]) -> Result<Vec<Order>, Fault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.order_items(ids).await?;
        let mut found = HashMap::with_capacity(items.len());
        for item in &items {
            let order = read_order(item)?;
            found.insert(order.id.to_string(), order);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// The items of those of these orders that exist: no more than 100, none twice.
    pub(crate) async fn order_items(&self, ids: &[impl Display]) -> Result<Vec<Item>, Fault> {
        let table = &self.settings.orders_table;
        let mut found = self.batch_get([(table, keys_of(ORDER_ID, ids))]).await?;
        Ok(found.remove(table).unwrap_or_default())
    }

    pub(crate) async fn product(&self, id: &ProductId) -> Result<Option<Product>, Fault> {
        let request = self.client.get_item().table_name(&self.settings.products_table);
        let request = request.key(PRODUCT_ID, text(id)).consistent_read(true);
        let output = request.send().await.map_err(Fault::of)?;
        output.item().map(read_product).transpose()
    }

    /// Some of the catalogue, behind the product `after`.
    pub(crate) async fn products(
        &self,
        limit: i32,
        after: Option<&ProductId>,
    ) -> Result<Page<Product>, Fault> {
        let request = self.client.scan().table_name(&self.settings.products_table);
        let request = request
            .consistent_read(true)
            .limit(limit)
            .set_exclusive_start_key(after.map(|id| key(PRODUCT_ID, text(id))));
        let output = request.send().await.map_err(Fault::of)?;
        let last = output.last_evaluated_key().map(|key| id_of(key, PRODUCT_ID)).transpose()?;
        let entries = output.items().iter().map(read_product).collect::<Result<_, _>>()?;
        Ok(Page { entries, last })
    }

    /// Reads items, at most 100 in all; those that were found, by their table.
    /// DynamoDB may leave some out:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
    async fn batch_get<const N: usize>(
        &self,
        wanted: [(&String, KeysAndAttributesBuilder); N],
    ) -> Result<HashMap<String, Vec<Item>>, Fault> {
        let built = wanted.map(|(table, keys)| keys.build().map(|keys| (table.clone(), keys)));
        let built: Result<HashMap<_, _>, _> = built.into_iter().collect();
        let mut wanted = built.map_err(|error| Fault::Broken(error.to_string()))?;
        let mut found: HashMap<String, Vec<Item>> = HashMap::with_capacity(N);
        let mut tried = 0;
        loop {
            let request = self.client.batch_get_item().set_request_items(Some(wanted));
            let output = request.send().await.map_err(Fault::of)?;
            for (table, items) in output.responses.unwrap_or_default() {
                found.entry(table).or_default().extend(items);
            }
            wanted = output.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(found);
            }
            tried += 1;
            if !BACKOFF.wait(tried).await {
                return Err(Fault::Unavailable("DynamoDB keeps leaving out keys of a batch".to_owned()));
            }
        }
    }
}

/// Keys of one table that are to be read consistently.
fn keys_of(name: &str, ids: impl IntoIterator<Item = impl Display>) -> KeysAndAttributesBuilder {
    let keys = ids.into_iter().map(|id| key(name, text(id))).collect();
    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true)
}

/// That a change is legal for an order as it stands, and the order within reach.
fn condition(reach: &Reach, change: Change) -> (String, Item) {
    let (mut condition, mut values) = tables::legal_sources(change);
    if let Reach::Customer(owner) = reach {
        condition = format!("{condition} AND {CUSTOMER_ID} = :owner");
        values.insert(":owner".to_owned(), text(owner));
    }
    (condition, values)
}

/// Of an order out of reach, nothing is told.
fn refusal(old: Order, reach: &Reach) -> Changed {
    if reach.covers(&old.customer_id) { Changed::Refused(Box::new(old)) } else { Changed::NoOrder }
}

/// The key of an order in the index of customers' orders.
fn index_key(order: &Order) -> Item {
    [
        (ORDER_ID, text(&order.id)),
        (CUSTOMER_ID, text(&order.customer_id)),
        (CREATED_AT, text(order.created_at)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn id_of(item: &Item, name: &str) -> Result<String, Fault> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.cloned().ok_or_else(|| Fault::Broken(format!("an item without {name}")))
}

fn read_order(item: &Item) -> Result<Order, Fault> {
    tables::order_from_item(item).map_err(bad_item)
}

fn read_product(item: &Item) -> Result<Product, Fault> {
    tables::product_from_item(item).map_err(bad_item)
}

fn bad_item(error: BadItem) -> Fault {
    Fault::Broken(error.to_string())
}

fn missing_item(operation: &str) -> Fault {
    Fault::Broken(format!("{operation} answered without the item that it was asked for"))
}
