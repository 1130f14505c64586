//! What tools/cost.py and tools/scale.py reckon with: the calls, request units
//! and bytes of each step of an order's life. They stand in a file that both
//! read, so that neither can drift from the code.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};
use test_support::{ApiRequest, EventDriver, StreamReader, TestShop, matches_pattern};

const COUNTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/counted.json");

const ORDERS: [(&str, &str); 2] = [
    ("oneLine", r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#),
    (
        "twoLines",
        r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#,
    ),
];

/// An order that is taken through its life step by step, each of them counted.
struct Life<'a> {
    shop: &'a TestShop,
    driver: EventDriver<'a>,
    stream: StreamReader,
    order_id: String,
    calls_of_bus: usize,
    steps: Map<String, Value>,
}

impl<'a> Life<'a> {
    /// Places an order, which is the first step.
    async fn begin(shop: &'a TestShop, body: &str) -> Self {
        let (driver, stream) = (EventDriver::new(shop).await, shop.order_stream().await);
        let order_id = String::new();
        let mut life = Self { shop, driver, stream, order_id, calls_of_bus: 0, steps: Map::new() };
        let request = ApiRequest::post("/order").json(body).header("Idempotency-Key", "k");
        life.order_id = life.request("place", &request, 201).await;
        life
    }

    /// A request to the API, which answers with this status; the id of its order.
    async fn request(&mut self, step: &str, request: &ApiRequest, status: u16) -> String {
        self.shop.proxy.start_metering();
        let response = request.send(&self.shop.order_service()).await;
        assert_eq!(response.status, status, "{}", response.body);
        self.count(step, json!({"answerBytes": response.body.len()}));
        response.json()["orderId"].as_str().unwrap().to_owned()
    }

    async fn change(&mut self, step: &str) {
        let request = ApiRequest::post(&format!("/order/{{orderId}}/{step}")).path("orderId", &self.order_id);
        self.request(step, &request, 200).await;
    }

    /// The relay, by one record of the stream.
    async fn relay(&mut self, step: &str) {
        assert_eq!(self.records_for_relay().await, 1, "{step}");
        self.shop.proxy.start_metering();
        self.driver.relay().await;
        let [event] = self.shop.bus.calls()[self.calls_of_bus..].concat().try_into().unwrap();
        self.count(step, json!({"eventBytes": event.size()}));
    }

    /// The consumer, by one event.
    async fn consume(&mut self, step: &str) {
        self.shop.proxy.start_metering();
        self.driver.consume().await;
        assert!(self.driver.pending_events().is_empty());
        self.count(step, json!({}));
    }

    fn count(&mut self, step: &str, more: Value) {
        let mut calls = self.shop.proxy.calls_by_operation();
        let calls_of_bus = self.shop.bus.calls().len();
        if calls_of_bus > self.calls_of_bus {
            calls.insert("PutEvents".into(), calls_of_bus - self.calls_of_bus);
        }
        self.calls_of_bus = calls_of_bus;
        let units = self.shop.proxy.consumed_units();
        let mut counted = json!({"calls": calls, "reads": by_table(&units.reads),
            "writes": by_table(&units.writes), "canceledActions": by_table(&units.canceled_actions)});
        counted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.steps.insert(step.into(), counted);
    }

    /// The consumer's write calls for no event, so it does not wake the relay.
    async fn ends_quietly(&mut self) {
        assert_eq!(self.records_for_relay().await, 0);
    }

    /// New records of the stream that the mapping's filters let through.
    async fn records_for_relay(&mut self) -> usize {
        let filters = test_support::stream_filters();
        let records = self.stream.read().await;
        records.iter().filter(|record| filters.iter().any(|filter| matches_pattern(filter, record))).count()
    }

    async fn sizes(&self) -> (usize, usize) {
        self.shop.order_sizes(&self.order_id).await
    }
}

/// The tables of a shop without what tells them from those of another.
fn by_table(units: &BTreeMap<String, u64>) -> BTreeMap<&str, u64> {
    units.iter().map(|(name, units)| (name.split_once('-').unwrap().1, *units)).collect()
}

async fn counted(body: &str) -> Value {
    let shop = TestShop::seeded().await;
    let mut life = Life::begin(&shop, body).await;
    let (placed, index_entry) = life.sizes().await;
    life.relay("relayPlaced").await;
    life.consume("reserve").await;
    let (confirmed, _) = life.sizes().await;
    life.ends_quietly().await;
    life.change("ship").await;
    life.relay("relayShipped").await;
    life.consume("shipped").await;
    life.ends_quietly().await;
    life.change("deliver").await;
    life.relay("relayDelivered").await;
    life.consume("delivered").await;
    life.ends_quietly().await;
    let mut steps = life.steps;

    let shop = TestShop::seeded().await;
    let mut life = Life::begin(&shop, body).await;
    life.relay("relayPlaced").await;
    life.consume("reserve").await;
    life.change("cancel").await;
    life.relay("relayCanceled").await;
    life.consume("canceled").await;
    life.ends_quietly().await;
    steps.extend(life.steps);

    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    let mut life = Life::begin(&shop, body).await;
    life.relay("relayPlaced").await;
    life.consume("reject").await;
    life.relay("relayRejected").await;
    steps.extend(life.steps);

    let item = json!({"placed": placed, "confirmed": confirmed});
    json!({"itemBytes": item, "indexEntryBytes": index_entry, "steps": steps})
}

#[tokio::test]
async fn an_orders_life_takes_the_calls_units_and_bytes_that_its_cost_is_reckoned_with() {
    if !test_support::engine_counts_units() {
        return;
    }
    let mut orders = Map::new();
    for (name, body) in ORDERS {
        orders.insert(name.into(), counted(body).await);
    }
    let now = Value::Object(orders);
    let text = fs::read_to_string(COUNTED).unwrap_or_else(|error| panic!("{COUNTED}: {error}"));
    let reckoned_with: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{COUNTED}: {error}"));
    let should_be = serde_json::to_string_pretty(&now).unwrap();
    assert!(
        now == reckoned_with,
        "tools/counted.json should be this; then `make cost-write`:\n{should_be}\n"
    );
}
