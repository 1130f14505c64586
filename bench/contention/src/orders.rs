//! The orders of a simulation.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{LineItem, Money, Order, OrderLine, Quantity, Quote, RequestHash};
use dynamodb::StoredOrder;
use serde_json::{Value, json};

use crate::model::DynamoDbModel;

/// The tables with their key attributes.
pub const TABLES: [(&str, &str); 2] = [(ORDERS_TABLE, "OrderId"), (INVENTORY_TABLE, "ProductId")];
/// The name of the orders table.
pub(crate) const ORDERS_TABLE: &str = "Orders";
/// The name of the inventory table.
pub(crate) const INVENTORY_TABLE: &str = "Inventory";

/// The first part of all order ids. The second part is the index of the order.
const ID_PREFIX: &str = "01938f7c-0000-7000-8000-";

/// The units of stock after a simulation. They add up to the initial stock.
#[derive(Debug, Clone, Copy, Default)]
pub struct FinalStock {
    /// Units of confirmed orders.
    pub confirmed: usize,
    /// Units on hand.
    pub on_hand: i64,
    /// Units held for orders that are not confirmed.
    pub held: usize,
}

/// The products that orders are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Products {
    /// This number of products in turn.
    Alternating(usize),
    /// This number of products whose popularity follows Zipf's law: the second product is ordered
    /// half as often as the first one, the third one a third as often, and so on.
    Zipf(usize),
}

impl Products {
    /// Returns the product of each of this number of orders.
    fn assign(self, orders: usize) -> Vec<usize> {
        match self {
            Self::Alternating(products) => (0..orders).map(|order_index| order_index % products).collect(),
            Self::Zipf(products) => {
                let weights: Vec<_> = (1..=products).map(|rank| 1.0 / rank as f64).collect();
                let total: f64 = weights.iter().sum();
                let pick = |mut point: f64| {
                    let product = weights.iter().position(|weight| {
                        point -= weight;
                        point < 0.0
                    });
                    product.unwrap_or(0)
                };
                (0..orders).map(|_| pick(fastrand::f64() * total)).collect()
            }
        }
    }
}

/// Placed orders with their events. Each order has one line with one unit.
#[derive(Debug)]
pub struct Orders {
    ids: Vec<String>,
    /// The EventBridge event of each order.
    events: Vec<String>,
    /// The number of products.
    products: usize,
}

impl Orders {
    /// Stores this number of placed orders, and as many units of stock.
    #[must_use]
    pub fn store(model: &DynamoDbModel, products: Products, count: usize) -> Self {
        let assigned = products.assign(count);
        let products = assigned.iter().max().map_or(0, |last| last + 1);
        for stripe in 0..products {
            let units = assigned.iter().filter(|product| **product == stripe).count();
            let stock = json!({
                "ProductId": {"S": product_id(stripe)}, "Quantity": {"N": units.to_string()}, "Held": {"M": {}},
            });
            model.put(INVENTORY_TABLE, &stock);
        }
        let mut orders = Self { ids: Vec::new(), events: Vec::new(), products };
        for (order_index, product) in assigned.into_iter().enumerate() {
            let stored = placed_order(order_index, product);
            model.put(ORDERS_TABLE, &to_json(AttributeValue::M(dynamodb::encode_order(&stored)))["M"]);
            orders.events.push(bus_event(&stored));
            orders.ids.push(stored.order.id.as_str().to_owned());
        }
        orders
    }

    /// Counts the units of stock.
    #[must_use]
    pub fn final_stock(&self, model: &DynamoDbModel) -> FinalStock {
        let confirmed: BTreeSet<_> =
            self.ids.iter().map(String::as_str).filter(|id| is_confirmed(model, id)).collect();
        let mut stock = FinalStock { confirmed: confirmed.len(), ..FinalStock::default() };
        for stripe in 0..self.products {
            let item = model.item(INVENTORY_TABLE, &product_id(stripe)).expect("a stock item");
            let quantity = item["Quantity"]["N"].as_str().expect("a quantity");
            stock.on_hand += quantity.parse::<i64>().expect("a number");
            let held = item["Held"]["M"].as_object().expect("the reservations");
            stock.held += held.keys().filter(|id| !confirmed.contains(id.as_str())).count();
        }
        stock
    }

    /// Returns the id of an order.
    #[must_use]
    pub fn id(&self, order_index: usize) -> &str {
        &self.ids[order_index]
    }

    /// Returns the payload of an invocation by the bus rule.
    #[must_use]
    pub fn event(&self, order_index: usize) -> String {
        self.events[order_index].clone()
    }

    /// Returns the payload of an invocation by the queue. The message ids are
    /// the indexes of the orders.
    #[must_use]
    pub fn batch(&self, order_indexes: &[usize]) -> String {
        let mut records = Vec::new();
        for &order_index in order_indexes {
            let (message_id, body) = (order_index.to_string(), &self.events[order_index]);
            records.push(json!({
                "messageId": message_id, "receiptHandle": message_id, "eventSource": "aws:sqs", "body": body,
            }));
        }
        json!({"Records": records}).to_string()
    }
}

/// Returns true if an order is confirmed with its reservation.
fn is_confirmed(model: &DynamoDbModel, order_id: &str) -> bool {
    let order = model.item(ORDERS_TABLE, order_id).expect("an order item");
    order["OrderStatus"]["S"] == "Confirmed" && order["StockReserved"]["BOOL"] == true
}

/// Returns the product id of a stripe. Without stripes, the product is stripe 0.
pub(crate) fn product_id(stripe: usize) -> String {
    format!("hot-{stripe:03}")
}

/// Returns the index of the order that an event is about.
pub(crate) fn order_index(event: &str) -> usize {
    let event: Value = serde_json::from_str(event).expect("an event in JSON");
    let id = event["detail"]["orderId"].as_str().expect("an order id");
    id.strip_prefix(ID_PREFIX).and_then(|index| index.parse().ok()).expect("the id of a placed order")
}

/// Returns an order as the API stores it.
fn placed_order(order_index: usize, product: usize) -> StoredOrder {
    let price: Money = "79.99".parse().expect("a price");
    let line = OrderLine {
        product_id: product_id(product).parse().expect("a product id"),
        quantity: Quantity::new(1).expect("a quantity"),
    };
    let quote = Quote { items: vec![LineItem { line, unit_price: Some(price) }], total_amount: price };
    let order_id = format!("{ID_PREFIX}{order_index:012}").parse().expect("an order id");
    let customer_id = "001".parse().expect("a customer id");
    let created_at = "2025-01-01T00:00:00Z".parse().expect("a timestamp");
    let correlation_id = "01938f7c-0000-7000-8000-correlation".parse().expect("a correlation id");
    let order = Order::place(order_id, customer_id, quote, created_at);
    StoredOrder::placed(order, RequestHash::from_stored("0".repeat(64)), correlation_id, None)
}

/// Returns the event of a placed order as EventBridge delivers it.
fn bus_event(stored: &StoredOrder) -> String {
    let outbox = stored.outbox.as_ref().expect("a placed order has an event");
    let detail =
        outbox.to_event(&stored.order).expect("the order has a total").to_json().expect("an event in JSON");
    format!(
        r#"{{"version":"0","id":"{id}","detail-type":"OrderPlaced","source":"{source}","account":"000000000000","time":"2025-01-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{detail}}}"#,
        id = outbox.id.as_str(),
        source = domain::event::ORDER_SOURCE,
    )
}

fn to_json(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        AttributeValue::L(list) => json!({"L": list.into_iter().map(to_json).collect::<Vec<_>>()}),
        AttributeValue::M(map) => {
            let map = map.into_iter().map(|(name, value)| (name, to_json(value)));
            json!({"M": map.collect::<serde_json::Map<_, _>>()})
        }
        other => panic!("an order item has no {other:?}"),
    }
}
