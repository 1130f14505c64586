//! An isolated system for each test: four tables, a bus, two queues and a proxy.

use std::collections::BTreeMap;
use std::time::Duration;

use api::AuthMode;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification};
use aws_sdk_eventbridge::Client as EventBridge;
use domain::{InventoryEvents, Order, OutboxEvent};
use dynamodb::attribute::{
    CREATED_AT, CUSTOMER_ID, FULFILLMENT_POSITION, FULFILLMENT_SHARD, ORDER_ID, PRODUCT_ID,
};
use dynamodb::{Item, StoredOrder, number, text};
use inventory_service::InventoryService;
use lambda::Metrics;
use lambda::metrics::LogLines;
use order_service::OrderService;
use serde_json::json;
use uuid::Uuid;

use crate::background;
use crate::bus::{BUS_NAME, Bus};
use crate::clients::{ACCESS_KEY, REGION, dynamodb_client_without_timeouts};
use crate::engine;
use crate::metrics_recorder::MetricsRecorder;
use crate::proxy::Proxy;
use crate::queues::{DEAD_LETTER_QUEUE_URL, ORDER_EVENT_QUEUE_URL, Queues};
use crate::raw_dynamodb::{RawDynamoDb, TABLES};
use crate::seed_data;
use crate::stream_reader::StreamReader;
use crate::template;

const ORDERS: &str = "OrdersTable";
const CUSTOMERS: &str = "CustomersTable";
const PRODUCTS: &str = "ProductsTable";
pub(crate) const INVENTORY: &str = "InventoryTable";

/// The namespace of the functions' metrics.
const NAMESPACE: &str = "shop";

/// The maximum time until a new table is active.
const CREATION_TIMEOUT: Duration = Duration::from_secs(60);

/// The names of a test shop's tables.
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

    /// Returns the name of the table with a logical id of template.yaml.
    fn of(&self, logical_id: &str) -> String {
        let found = self.all().into_iter().find(|(id, _)| *id == logical_id);
        found.unwrap_or_else(|| panic!("{logical_id} is not a table")).1.to_owned()
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

/// All items of all tables, by key.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each field is named after its table")]
pub struct Snapshot {
    pub orders: BTreeMap<String, Item>,
    pub customers: BTreeMap<String, Item>,
    pub products: BTreeMap<String, Item>,
    pub inventory: BTreeMap<String, Item>,
}

/// The sizes of an order in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderSizes {
    /// The item of the table.
    pub item: usize,
    /// The entry in the index of customers' orders.
    pub customer_entry: usize,
    /// The entry in the index of orders to ship, if the order is confirmed.
    pub to_ship_entry: usize,
}

/// A system that no other test shares. Its tables are deleted when this is dropped.
#[derive(Debug)]
pub struct TestShop {
    /// The names of the tables, unique to this shop.
    pub tables: TableNames,
    /// The event bus that the functions publish to.
    pub bus: Bus,
    /// The queues of events that are not applied directly.
    pub queues: Queues,
    /// The proxy through which the functions call DynamoDB.
    pub proxy: Proxy,
    /// The metrics that the functions write, unless they are a part of the log lines.
    pub metrics: MetricsRecorder,
    metrics_are_logged: bool,
    direct_client: DynamoDb,
}

impl TestShop {
    /// Returns a shop with the seed data.
    pub async fn seeded() -> Self {
        let shop = Self::empty().await;
        seed_data::load(&RawDynamoDb::new(), |logical_id| shop.tables.of(logical_id)).await;
        shop
    }

    /// Returns a shop with empty tables.
    pub async fn empty() -> Self {
        let tables = TableNames::unique();
        let dynamodb = RawDynamoDb::new();
        for (logical_id, name) in tables.all() {
            create_table(&dynamodb, logical_id, name).await;
        }
        let direct_client = dynamodb_client_without_timeouts(engine::endpoint());
        Self {
            tables,
            bus: Bus::start(),
            queues: Queues::start(),
            proxy: Proxy::start(),
            metrics: MetricsRecorder::default(),
            metrics_are_logged: false,
            direct_client,
        }
    }

    /// Makes the metrics a part of the log lines, as in a deployed function.
    #[must_use]
    pub const fn with_logged_metrics(mut self) -> Self {
        self.metrics_are_logged = true;
        self
    }

    fn metrics_of(&self, service: &'static str) -> Metrics {
        if self.metrics_are_logged {
            Metrics::new(NAMESPACE, service, LogLines)
        } else {
            Metrics::new(NAMESPACE, service, self.metrics.clone())
        }
    }

    /// Disables the streams of the tables.
    ///
    /// The embedded engine scans all records of a stream with each write, which would slow down a
    /// benchmark with each order.
    ///
    /// # Panics
    /// Panics if the engine rejects the change.
    pub async fn without_streams(self) -> Self {
        let disabled = StreamSpecification::builder().stream_enabled(false).build().expect("a specification");
        for table in [&self.tables.orders, &self.tables.inventory] {
            let request = self.direct_client.update_table().table_name(table);
            let request = request.stream_specification(disabled.clone());
            request.send().await.expect("a table without a stream");
        }
        self
    }

    /// Returns a client of the engine that bypasses the proxy.
    #[must_use]
    pub const fn direct_client(&self) -> &DynamoDb {
        &self.direct_client
    }

    /// Returns the URL of the engine.
    #[must_use]
    pub fn endpoint(&self) -> &'static str {
        engine::endpoint()
    }

    /// Returns the environment variables for a function in a separate process. It calls the engine
    /// directly, and has no bus because it publishes no events.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let TableNames { orders, customers, products, inventory } = &self.tables;
        // Every request that a role signs has a session token of about this length.
        let session_token = "t".repeat(900);
        let variables = [
            ("ORDERS_TABLE", orders.as_str()),
            ("CUSTOMERS_TABLE", customers),
            ("PRODUCTS_TABLE", products),
            ("INVENTORY_TABLE", inventory),
            ("EVENT_BUS_NAME", BUS_NAME),
            ("ORDER_EVENT_QUEUE_URL", ORDER_EVENT_QUEUE_URL),
            ("DEAD_LETTER_QUEUE_URL", DEAD_LETTER_QUEUE_URL),
            ("INVENTORY_EVENTS", "all"),
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

    /// Returns OrderServiceFunction for this shop, with an open API.
    #[must_use]
    pub fn order_service(&self) -> OrderService {
        self.order_service_for(AuthMode::Open)
    }

    /// Returns OrderServiceFunction for this shop, with this authorization mode.
    #[must_use]
    pub fn order_service_for(&self, auth_mode: AuthMode) -> OrderService {
        self.order_service_with(self.bus.client(), auth_mode)
    }

    /// Returns OrderServiceFunction for this shop, with an open API and another bus.
    #[must_use]
    pub fn order_service_publishing_to(&self, eventbridge: EventBridge) -> OrderService {
        self.order_service_with(eventbridge, AuthMode::Open)
    }

    fn order_service_with(&self, eventbridge: EventBridge, auth_mode: AuthMode) -> OrderService {
        let tables = self.tables.clone();
        let settings = order_service::Settings {
            orders_table: tables.orders,
            customers_table: tables.customers,
            products_table: tables.products,
            event_bus: BUS_NAME.to_owned(),
        };
        let metrics = self.metrics_of(order_service::SERVICE);
        OrderService::new(self.proxy.client(), || eventbridge, settings, metrics, auth_mode)
    }

    /// Returns InventoryServiceFunction for this shop, with an open API.
    #[must_use]
    pub fn inventory_service(&self) -> InventoryService {
        self.inventory_service_for(AuthMode::Open)
    }

    /// Returns InventoryServiceFunction for this shop, with this authorization mode.
    #[must_use]
    pub fn inventory_service_for(&self, auth_mode: AuthMode) -> InventoryService {
        self.inventory_service_with(InventoryEvents::All, auth_mode)
    }

    /// Returns InventoryServiceFunction for this shop, with an open API. It publishes these events.
    #[must_use]
    pub fn inventory_service_publishing(&self, inventory_events: InventoryEvents) -> InventoryService {
        self.inventory_service_with(inventory_events, AuthMode::Open)
    }

    fn inventory_service_with(
        &self,
        inventory_events: InventoryEvents,
        auth_mode: AuthMode,
    ) -> InventoryService {
        let tables = self.tables.clone();
        let settings = inventory_service::Settings {
            orders_table: tables.orders,
            inventory_table: tables.inventory,
            products_table: tables.products,
            event_bus: BUS_NAME.to_owned(),
            order_event_queue_url: ORDER_EVENT_QUEUE_URL.to_owned(),
            dead_letter_queue_url: DEAD_LETTER_QUEUE_URL.to_owned(),
            inventory_events,
        };
        let metrics = self.metrics_of(inventory_service::SERVICE);
        let (eventbridge, sqs) = (self.bus.client(), self.queues.client());
        InventoryService::new(self.proxy.client(), || eventbridge, || sqs, settings, metrics, auth_mode)
    }

    /// Returns a reader of the Orders table's stream, starting at the oldest record.
    pub async fn order_stream(&self) -> StreamReader {
        StreamReader::open(&self.tables.orders).await
    }

    /// Returns a reader of the Inventory table's stream, starting at the oldest record.
    pub async fn stock_stream(&self) -> StreamReader {
        StreamReader::open(&self.tables.inventory).await
    }

    /// Sets the price of a product in the catalog.
    pub async fn set_price(&self, product: &str, price: &str) {
        let item = self.item(&self.tables.products, PRODUCT_ID, product).await;
        let mut item = item.unwrap_or_else(|| panic!("product {product} is not in the catalog"));
        item.insert("Price".to_owned(), number(price));
        self.put(&self.tables.products, item).await;
    }

    /// Returns an order's stored item.
    pub async fn order_item(&self, id: &str) -> Option<Item> {
        self.item(&self.tables.orders, ORDER_ID, id).await
    }

    /// Returns the sizes of an order's item and of its index entries, in bytes, as DynamoDB counts them.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    pub async fn order_sizes(&self, id: &str) -> OrderSizes {
        let key = json!({ORDER_ID: {"S": id}});
        let request = json!({"TableName": self.tables.orders, "Key": key, "ConsistentRead": true});
        let response = RawDynamoDb::new().call(TABLES, "GetItem", &request).await;
        let item: dynoxide::Item = serde_json::from_value(response["Item"].clone()).expect("an item");
        let size_of_keys = |keys: [&str; 3]| {
            let mut entry = item.clone();
            entry.retain(|name, _| keys.contains(&name.as_str()));
            dynoxide::types::item_size(&entry)
        };
        OrderSizes {
            item: dynoxide::types::item_size(&item),
            customer_entry: size_of_keys([ORDER_ID, CUSTOMER_ID, CREATED_AT]),
            to_ship_entry: size_of_keys([ORDER_ID, FULFILLMENT_SHARD, FULFILLMENT_POSITION]),
        }
    }

    /// Returns an order.
    pub async fn order(&self, id: &str) -> Option<Order> {
        self.stored_order(id).await.map(|stored| stored.order)
    }

    /// Returns an order with its idempotency record and its outbox.
    pub async fn stored_order(&self, id: &str) -> Option<StoredOrder> {
        self.order_item(id).await.map(|item| dynamodb::decode_order(&item).unwrap())
    }

    /// Returns all orders, sorted by id.
    pub async fn orders(&self) -> Vec<Order> {
        self.stored_orders().await.into_iter().map(|stored| stored.order).collect()
    }

    /// Returns all orders with their idempotency records and outboxes, sorted by id.
    pub async fn stored_orders(&self) -> Vec<StoredOrder> {
        self.order_items().await.values().map(|item| dynamodb::decode_order(item).unwrap()).collect()
    }

    /// Returns the stored items of all orders, by id.
    pub async fn order_items(&self) -> BTreeMap<String, Item> {
        self.items(ORDERS, &self.tables.orders).await
    }

    /// Stores an order without idempotency record and outbox.
    pub async fn put_order(&self, order: &Order) {
        self.put_stored_order(&order.clone().into()).await;
    }

    /// Stores an order with an event in its outbox.
    pub async fn put_order_with_event(&self, order: Order, event: OutboxEvent) {
        self.put_stored_order(&StoredOrder { outbox: Some(event), ..order.into() }).await;
    }

    /// Stores an order with its idempotency record and its outbox.
    pub async fn put_stored_order(&self, order: &StoredOrder) {
        self.put(&self.tables.orders, dynamodb::encode_order(order)).await;
    }

    /// Stores an item.
    pub async fn put(&self, table: &str, item: Item) {
        self.direct_client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    /// Deletes the item whose key attribute has this value.
    pub async fn delete(&self, table: &str, key: &str, value: &str) {
        self.direct_client.delete_item().table_name(table).key(key, text(value)).send().await.unwrap();
    }

    /// Returns all items of all tables.
    pub async fn snapshot(&self) -> Snapshot {
        Snapshot {
            orders: self.items(ORDERS, &self.tables.orders).await,
            customers: self.items(CUSTOMERS, &self.tables.customers).await,
            products: self.items(PRODUCTS, &self.tables.products).await,
            inventory: self.items(INVENTORY, &self.tables.inventory).await,
        }
    }

    pub(crate) async fn item(&self, table: &str, key: &str, value: &str) -> Option<Item> {
        let request = self.direct_client.get_item().table_name(table).key(key, text(value));
        request.consistent_read(true).send().await.unwrap().item
    }

    pub(crate) async fn items(&self, logical_id: &str, table: &str) -> BTreeMap<String, Item> {
        let key = template::key_of(logical_id);
        let request = self.direct_client.scan().table_name(table).consistent_read(true);
        let items = request.into_paginator().items().send().collect::<Result<Vec<Item>, _>>().await.unwrap();
        let mut by_key = BTreeMap::new();
        for item in items {
            match item.get(key) {
                Some(AttributeValue::S(id)) => by_key.insert(id.clone(), item),
                other => panic!("{other:?} is not a key of {table}"),
            };
        }
        by_key
    }
}

impl Drop for TestShop {
    fn drop(&mut self) {
        let names = self.tables.all().map(|(_, name)| name.to_owned());
        // The process may end first. Then the embedded engine ends with it, and an external engine is
        // stopped by the command that started it.
        background::detach(async move {
            let dynamodb = RawDynamoDb::new();
            for name in names {
                dynamodb.call(TABLES, "DeleteTable", &json!({"TableName": name})).await;
            }
        });
    }
}

async fn create_table(dynamodb: &RawDynamoDb, logical_id: &str, name: &str) {
    dynamodb.call(TABLES, "CreateTable", &template::create_table(logical_id, name)).await;
    let ready = async {
        while !is_active(dynamodb, name).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(CREATION_TIMEOUT, ready)
        .await
        .unwrap_or_else(|_| panic!("{name} does not become active"));
}

async fn is_active(dynamodb: &RawDynamoDb, name: &str) -> bool {
    let response = dynamodb.call(TABLES, "DescribeTable", &json!({"TableName": name})).await;
    response["Table"]["TableStatus"] == "ACTIVE"
}
