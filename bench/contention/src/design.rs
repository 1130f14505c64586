//! The designs that are measured: how the events of some orders are applied.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_support::{Backoff, Fault};
use domain::{Line, LineItem, Order, Quantity, RequestHash};
use inventory_service::{InventoryService, Settings};
use lambda_runtime::{Context, LambdaEvent};
use lambda_support::clock::unix_millis;
use lambda_support::metrics::Sink;
use lambda_support::{Access, Metrics};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tables::{number, text};

use crate::connection::client;
use crate::model::Model;

/// Tables and their keys.
pub const TABLES: [(&str, &str); 2] = [(ORDERS, "OrderId"), (INVENTORY, "ProductId")];
const ORDERS: &str = "Orders";
const INVENTORY: &str = "Inventory";

/// A way to reserve the stock of a hot product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// The function as it is, one event for each invocation.
    Transaction,
    /// The function as it is, a batch of events for each invocation.
    Batch,
    /// The stock in so many items. What is measured is the best that this can
    /// do: each order is for one of so many products, and the function does not
    /// have to look for pieces in more than one.
    Stripes(usize),
    /// The reservation is written into the stock's item, then the order's item
    /// is changed, then the reservation is taken out again: three writes of
    /// single items, no transaction, one line for each order.
    SingleItem,
}

/// Where the pieces of a run are in the end: with the orders that were
/// confirmed, on hand, or held for orders that were not confirmed.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the fields are named after what they count")]
pub struct End {
    pub confirmed: usize,
    pub left: i64,
    pub held: usize,
}

/// The orders of a run, as they are stored and as their events tell of them.
#[derive(Debug)]
pub struct Orders {
    envelopes: Vec<String>,
    ids: Vec<String>,
    stripes: usize,
}

impl Orders {
    /// Stores so many placed orders of one piece, and as much stock as there are orders.
    #[must_use]
    pub fn place(model: &Model, design: Design, count: usize) -> Self {
        let stripes = if let Design::Stripes(stripes) = design { stripes } else { 1 };
        for stripe in 0..stripes {
            let pieces = (stripe..count).step_by(stripes).count();
            let stock = json!({
                "ProductId": {"S": product(stripe)}, "Quantity": {"N": pieces.to_string()}, "Held": {"M": {}},
            });
            model.put(INVENTORY, &stock);
        }
        let mut orders = Self { envelopes: Vec::new(), ids: Vec::new(), stripes };
        for n in 0..count {
            let order = order(n, stripes);
            model.put(ORDERS, &json_of(AttributeValue::M(tables::order_to_item(&order)))["M"]);
            let pending = order.event.as_ref().expect("a new order has an event");
            let event = order.event(pending).expect("the order has a total").to_json().expect("JSON");
            orders.envelopes.push(format!(
                r#"{{"version":"0","id":"{id}","detail-type":"OrderPlaced","source":"{source}","account":"000000000000","time":"2025-01-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{event}}}"#,
                id = pending.id.as_str(),
                source = domain::event::SOURCE,
            ));
            orders.ids.push(order.id.as_str().to_owned());
        }
        orders
    }

    /// Where the pieces are in the end.
    #[must_use]
    pub fn end(&self, model: &Model) -> End {
        let confirmed = |id: &str| {
            let order = model.item(ORDERS, id).expect("an order");
            order["OrderStatus"]["S"] == "Confirmed" && order["StockReserved"]["BOOL"] == true
        };
        let confirmed: BTreeSet<_> = self.ids.iter().map(String::as_str).filter(|id| confirmed(id)).collect();
        let mut end = End { confirmed: confirmed.len(), ..End::default() };
        for stripe in 0..self.stripes {
            let stock = model.item(INVENTORY, &product(stripe)).expect("a stock");
            let quantity = stock["Quantity"]["N"].as_str().expect("a quantity");
            end.left += quantity.parse::<i64>().expect("a quantity");
            let held = stock["Held"]["M"].as_object().expect("what is held");
            end.held += held.keys().filter(|id| !confirmed.contains(id.as_str())).count();
        }
        end
    }

    fn direct(&self, number: usize) -> String {
        self.envelopes[number].clone()
    }

    fn batch(&self, numbers: &[usize]) -> String {
        let record = |&number: &usize| json!({"messageId": number.to_string(), "eventSource": "aws:sqs", "body": self.envelopes[number]});
        json!({"Records": numbers.iter().map(record).collect::<Vec<_>>()}).to_string()
    }
}

fn product(stripe: usize) -> String {
    format!("hot-{stripe:03}")
}

/// An order as the API stores it.
fn order(n: usize, stripes: usize) -> Order {
    let price = "79.99".parse::<domain::Money>().expect("a price");
    let line = Line {
        product_id: product(n % stripes).parse().expect("a product"),
        quantity: Quantity::new(1).expect("a quantity"),
    };
    let quote =
        domain::Quote { items: vec![LineItem { line, unit_price: Some(price) }], total_amount: price };
    Order::place(
        format!("01938f7c-0000-7000-8000-{n:012}").parse().expect("an id"),
        "001".parse().expect("a customer"),
        quote,
        RequestHash::from_stored("0".repeat(64)),
        "2025-01-01T00:00:00Z".parse().expect("a time"),
        "01938f7c-0000-7000-8000-correlation".parse().expect("a correlation id"),
    )
}

fn json_of(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        AttributeValue::L(list) => json!({"L": list.into_iter().map(json_of).collect::<Vec<_>>()}),
        AttributeValue::M(map) => {
            let map = map.into_iter().map(|(name, value)| (name, json_of(value)));
            json!({"M": map.collect::<serde_json::Map<_, _>>()})
        }
        other => panic!("no order has a {other:?}"),
    }
}

/// One instance of the function.
#[derive(Debug)]
pub struct Instance {
    design: Design,
    client: Client,
    service: InventoryService,
}

impl Instance {
    /// An instance that has just been started.
    #[must_use]
    pub fn start(model: &Arc<Model>, design: Design) -> Self {
        let client = client(model);
        let settings = Settings { orders_table: ORDERS.to_owned(), inventory_table: INVENTORY.to_owned() };
        let metrics = Metrics::new("contention", inventory_service::SERVICE, Nowhere);
        let service = InventoryService::new(client.clone(), settings, metrics, Access::Open);
        Self { design, client, service }
    }

    /// Applies the events of these orders; which of them failed.
    pub async fn apply(&self, orders: &Orders, numbers: &[usize]) -> Vec<usize> {
        match self.design {
            Design::Batch => self.apply_batch(orders, numbers).await,
            Design::SingleItem => {
                let mut failed = Vec::new();
                for &number in numbers {
                    if !reserve_on_the_item(&self.client, &orders.ids[number]).await {
                        failed.push(number);
                    }
                }
                failed
            }
            Design::Transaction | Design::Stripes(_) => {
                let mut failed = Vec::new();
                for &number in numbers {
                    if self.service.handle(invocation(orders.direct(number))).await.is_err() {
                        failed.push(number);
                    }
                }
                failed
            }
        }
    }

    async fn apply_batch(&self, orders: &Orders, numbers: &[usize]) -> Vec<usize> {
        let Ok(answer) = self.service.handle(invocation(orders.batch(numbers))).await else {
            return numbers.to_vec();
        };
        let answer = serde_json::to_value(&answer).expect("an answer in JSON");
        let failures = answer["batchItemFailures"].as_array().expect("an answer to a queue");
        let number = |failure: &Value| failure["itemIdentifier"].as_str()?.parse().ok();
        failures.iter().map(|failure| number(failure).expect("a message id")).collect()
    }
}

/// What the function counts is counted here by other means.
#[derive(Debug)]
struct Nowhere;

impl Sink for Nowhere {
    fn line(&self, _: &str) {}
}

/// `Timeout` of the function in the template.
const TIMEOUT_MILLIS: u64 = 30_000;

fn invocation(payload: String) -> LambdaEvent<Box<RawValue>> {
    let mut context = Context::default();
    context.deadline = unix_millis() + TIMEOUT_MILLIS;
    LambdaEvent::new(RawValue::from_string(payload).expect("JSON"), context)
}

/// As long as the function waits for items that others are at.
const PATIENCE: Backoff =
    Backoff { tries: 10, first: Duration::from_millis(20), longest: Duration::from_millis(800) };

/// Three writes: each can be repeated, so that a crash between two of them
/// loses nothing; an order with more than one line would need a step back for
/// each, which this does not have.
async fn reserve_on_the_item(client: &Client, order: &str) -> bool {
    let stock = || client.update_item().table_name(INVENTORY).key("ProductId", text(product(0)));
    let hold = stock()
        .update_expression("SET Quantity = Quantity - :one, Held.#order = :one")
        .condition_expression("Quantity >= :one AND attribute_not_exists(Held.#order)")
        .expression_attribute_names("#order", order)
        .expression_attribute_values(":one", number(1));
    let confirm = client
        .update_item()
        .table_name(ORDERS)
        .key("OrderId", text(order))
        .update_expression(
            "SET OrderStatus = :confirmed, UpdatedAt = :now, StockReserved = :yes REMOVE Event",
        )
        .condition_expression("OrderStatus = :placed")
        .expression_attribute_values(":placed", text("Placed"))
        .expression_attribute_values(":confirmed", text("Confirmed"))
        .expression_attribute_values(":now", text("2025-01-01T00:00:01.000Z"))
        .expression_attribute_values(":yes", AttributeValue::Bool(true));
    let let_go = stock().update_expression("REMOVE Held.#order").expression_attribute_names("#order", order);
    for step in [hold, confirm, let_go] {
        let written = async || match step.clone().send().await {
            // Whoever comes again finds that the step was made before.
            Err(error) if error.code() != Some("ConditionalCheckFailedException") => {
                Err(Fault::Contended(error.to_string()))
            }
            _ => Ok(()),
        };
        if PATIENCE.while_contended(written).await.is_err() {
            return false;
        }
    }
    true
}
