//! A shop of its own for each test: four tables, a bus and a proxy.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification};
use aws_sdk_eventbridge::Client as EventBridge;
use domain::Order;
use inventory_service::InventoryService;
use lambda_support::{Access, Metrics};
use order_service::OrderService;
use serde_json::json;
use tables::attribute::{CREATED_AT, CUSTOMER_ID, ORDER_ID, PRODUCT_ID, QUANTITY};
use tables::{Item, number, text};
use uuid::Uuid;

use crate::background;
use crate::bus::{BUS_NAME, Bus};
use crate::clients::{ACCESS_KEY, REGION, patient_dynamodb_client};
use crate::engine;
use crate::meter::Meter;
use crate::proxy::Proxy;
use crate::seed;
use crate::stream::StreamReader;
use crate::template;
use crate::wire::{TABLES, Wire};

const ORDERS: &str = "OrdersTable";
const CUSTOMERS: &str = "CustomersTable";
const PRODUCTS: &str = "ProductsTable";
const INVENTORY: &str = "InventoryTable";

/// Where its functions count.
const NAMESPACE: &str = "shop";

/// How long a table may take until it can be used.
const CREATION: Duration = Duration::from_secs(60);

/// The names of a shop's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is named after its table")]
pub struct TableNames {
    pub orders: String,
    pub customers: String,
    pub products: String,
    pub inventory: String,
}

impl TableNames {
    fn unique() -> Self {
        let prefix = Uuid::now_v7().simple();
        Self {
            orders: format!("{prefix}-orders"),
            customers: format!("{prefix}-customers"),
            products: format!("{prefix}-products"),
            inventory: format!("{prefix}-inventory"),
        }
    }

    /// The name of the table with a logical id of template.yaml.
    fn of(&self, logical_id: &str) -> String {
        let found = self.all().into_iter().find(|(id, _)| *id == logical_id);
        found.unwrap_or_else(|| panic!("there is no table {logical_id}")).1.to_owned()
    }

    fn all(&self) -> [(&'static str, &str); 4] {
        [
            (ORDERS, &self.orders),
            (CUSTOMERS, &self.customers),
            (PRODUCTS, &self.products),
            (INVENTORY, &self.inventory),
        ]
    }
}

/// Everything that the tables hold, by key.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each field is named after its table")]
pub struct Snapshot {
    pub orders: BTreeMap<String, Item>,
    pub customers: BTreeMap<String, Item>,
    pub products: BTreeMap<String, Item>,
    pub inventory: BTreeMap<String, Item>,
}

/// A shop that no other test sees. Its tables are deleted when it is dropped.
#[derive(Debug)]
pub struct Shop {
    /// The names of its tables.
    pub tables: TableNames,
    /// Its bus.
    pub bus: Bus,
    /// Where the functions find DynamoDB.
    pub proxy: Proxy,
    /// What its functions count.
    pub meter: Meter,
    direct: DynamoDb,
}

impl Shop {
    /// A shop with the seed data.
    pub async fn open() -> Self {
        let shop = Self::empty().await;
        seed::load(&Wire::new(), |logical_id| shop.tables.of(logical_id)).await;
        shop
    }

    /// A shop with nothing in its tables.
    pub async fn empty() -> Self {
        let tables = TableNames::unique();
        let wire = Wire::new();
        for (logical_id, name) in tables.all() {
            create_table(&wire, logical_id, name).await;
        }
        let direct = patient_dynamodb_client(engine::endpoint());
        Self { tables, bus: Bus::start(), proxy: Proxy::start(), meter: Meter::default(), direct }
    }

    /// The same shop, with nothing that tells of changes to its orders: the
    /// embedded engine looks through all that a stream holds with each write,
    /// so that a shop that is measured would become slower with each order.
    ///
    /// # Panics
    /// If the engine does not take the change.
    pub async fn without_stream(self) -> Self {
        let off = StreamSpecification::builder().stream_enabled(false).build().expect("a specification");
        let request = self.direct.update_table().table_name(&self.tables.orders);
        request.stream_specification(off).send().await.expect("a table without a stream");
        self
    }

    /// A client of the engine itself: what it does goes past the proxy.
    #[must_use]
    pub const fn direct(&self) -> &DynamoDb {
        &self.direct
    }

    /// The URL of the engine itself.
    #[must_use]
    pub fn endpoint(&self) -> &'static str {
        engine::endpoint()
    }

    /// The environment in which a function in a process of its own finds this
    /// shop, past the proxy; without events to publish, so without the bus.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let TableNames { orders, customers, products, inventory } = &self.tables;
        // Part of every request that a role signs, and as long as they come.
        let session_token = "t".repeat(900);
        let variables = [
            ("ORDERS_TABLE", orders.as_str()),
            ("CUSTOMERS_TABLE", customers),
            ("PRODUCTS_TABLE", products),
            ("INVENTORY_TABLE", inventory),
            ("EVENT_BUS_NAME", BUS_NAME),
            ("METRICS_NAMESPACE", NAMESPACE),
            ("API_ACCESS", "open"),
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", ACCESS_KEY),
            ("AWS_SESSION_TOKEN", &session_token),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// OrderServiceFunction on this shop, whose API is open to everybody.
    #[must_use]
    pub fn order_service(&self) -> OrderService {
        self.order_service_for(Access::Open)
    }

    /// OrderServiceFunction on this shop, with an API that serves whom `access` says.
    #[must_use]
    pub fn order_service_for(&self, access: Access) -> OrderService {
        self.order_service_with(self.bus.client(), access)
    }

    /// OrderServiceFunction on this shop, with an open API, that publishes elsewhere.
    #[must_use]
    pub fn order_service_on(&self, eventbridge: EventBridge) -> OrderService {
        self.order_service_with(eventbridge, Access::Open)
    }

    fn order_service_with(&self, eventbridge: EventBridge, access: Access) -> OrderService {
        let names = self.tables.clone();
        let settings = order_service::Settings {
            orders_table: names.orders,
            customers_table: names.customers,
            products_table: names.products,
            event_bus: BUS_NAME.to_owned(),
        };
        let metrics = Metrics::new(NAMESPACE, order_service::SERVICE, self.meter.clone());
        OrderService::new(self.proxy.client(), || eventbridge, settings, metrics, access)
    }

    /// InventoryServiceFunction on this shop, whose API is open to everybody.
    #[must_use]
    pub fn inventory_service(&self) -> InventoryService {
        self.inventory_service_for(Access::Open)
    }

    /// InventoryServiceFunction on this shop, with an API that serves whom `access` says.
    #[must_use]
    pub fn inventory_service_for(&self, access: Access) -> InventoryService {
        let names = self.tables.clone();
        let settings =
            inventory_service::Settings { orders_table: names.orders, inventory_table: names.inventory };
        let metrics = Metrics::new(NAMESPACE, inventory_service::SERVICE, self.meter.clone());
        InventoryService::new(self.proxy.client(), settings, metrics, access)
    }

    /// The stream of the Orders table, from its beginning.
    pub async fn order_stream(&self) -> StreamReader {
        StreamReader::open(&self.tables.orders).await
    }

    /// How many pieces of a product can be sold.
    pub async fn stock_of(&self, product: &str) -> u64 {
        let item = self.item(&self.tables.inventory, PRODUCT_ID, product).await;
        let item = item.unwrap_or_else(|| panic!("there is no stock of product {product}"));
        tables::stock_from_item(&item).unwrap().quantity
    }

    /// Sets how many pieces of a product can be sold.
    pub async fn set_stock(&self, product: &str, quantity: u64) {
        let item =
            Item::from([(PRODUCT_ID.to_owned(), text(product)), (QUANTITY.to_owned(), number(quantity))]);
        self.put(&self.tables.inventory, item).await;
    }

    /// How many pieces of a product the orders hold that carry a reservation.
    pub async fn reserved_of(&self, product: &str) -> u64 {
        let orders = self.orders().await;
        let lines = orders.iter().filter(|order| order.stock_reserved).flat_map(Order::lines);
        let of_product = lines.filter(|line| line.product_id.as_str() == product);
        of_product.map(|line| u64::from(line.quantity.get())).sum()
    }

    /// An order's item, as it is stored.
    pub async fn order_item(&self, id: &str) -> Option<Item> {
        self.item(&self.tables.orders, ORDER_ID, id).await
    }

    /// The sizes of an order's item and of its entry in the index of customers'
    /// orders, in bytes, as DynamoDB counts them:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    pub async fn order_sizes(&self, id: &str) -> (usize, usize) {
        let key = json!({ORDER_ID: {"S": id}});
        let request = json!({"TableName": self.tables.orders, "Key": key, "ConsistentRead": true});
        let answer = Wire::new().call(TABLES, "GetItem", &request).await;
        let mut item: dynoxide::Item = serde_json::from_value(answer["Item"].clone()).expect("an item");
        let size = dynoxide::types::item_size(&item);
        item.retain(|name, _| [ORDER_ID, CUSTOMER_ID, CREATED_AT].contains(&name.as_str()));
        (size, dynoxide::types::item_size(&item))
    }

    /// An order.
    pub async fn order(&self, id: &str) -> Option<Order> {
        self.order_item(id).await.map(|item| tables::order_from_item(&item).unwrap())
    }

    /// Every order, by id.
    pub async fn orders(&self) -> Vec<Order> {
        let items = self.items(ORDERS, &self.tables.orders).await;
        items.values().map(|item| tables::order_from_item(item).unwrap()).collect()
    }

    /// Stores an order as it is given.
    pub async fn put_order(&self, order: &Order) {
        self.put(&self.tables.orders, tables::order_to_item(order)).await;
    }

    /// Stores an item as it is given.
    pub async fn put(&self, table: &str, item: Item) {
        self.direct.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    /// Everything that the tables hold, to compare with later.
    pub async fn snapshot(&self) -> Snapshot {
        Snapshot {
            orders: self.items(ORDERS, &self.tables.orders).await,
            customers: self.items(CUSTOMERS, &self.tables.customers).await,
            products: self.items(PRODUCTS, &self.tables.products).await,
            inventory: self.items(INVENTORY, &self.tables.inventory).await,
        }
    }

    async fn item(&self, table: &str, key: &str, value: &str) -> Option<Item> {
        let request = self.direct.get_item().table_name(table).key(key, text(value));
        request.consistent_read(true).send().await.unwrap().item
    }

    async fn items(&self, logical_id: &str, table: &str) -> BTreeMap<String, Item> {
        let key = template::key_of(logical_id);
        let request = self.direct.scan().table_name(table).consistent_read(true);
        let items = request.into_paginator().items().send().collect::<Result<Vec<Item>, _>>().await.unwrap();
        let keyed = |item: Item| match item.get(key) {
            Some(AttributeValue::S(id)) => (id.clone(), item),
            other => panic!("{other:?} is no key of {table}"),
        };
        items.into_iter().map(keyed).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let names = self.tables.all().map(|(_, name)| name.to_owned());
        // The end of the process may come first: then there is nothing to keep tidy,
        // or whoever started the engine stops it.
        background::detach(async move {
            let wire = Wire::new();
            for name in names {
                wire.call(TABLES, "DeleteTable", &json!({"TableName": name})).await;
            }
        });
    }
}

async fn create_table(wire: &Wire, logical_id: &str, name: &str) {
    wire.call(TABLES, "CreateTable", &template::create_table(logical_id, name)).await;
    let ready = async {
        while !is_active(wire, name).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(CREATION, ready).await.unwrap_or_else(|_| panic!("{name} does not become active"));
}

async fn is_active(wire: &Wire, name: &str) -> bool {
    let answer = wire.call(TABLES, "DescribeTable", &json!({"TableName": name})).await;
    answer["Table"]["TableStatus"] == "ACTIVE"
}
