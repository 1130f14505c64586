//! The calls, request units and bytes of each step in an order's lifecycle. tools/cost.py and
//! tools/scale.py calculate with them. This test keeps their input file in sync with the code.

use std::collections::BTreeMap;
use std::fs;

use domain::InventoryEvents;
use serde_json::{Map, Value, json};
use test_support::{
    ApiRequest, EventDriver, Function as _, OrderSizes, StreamReader, TestShop, invocation, matches_pattern,
};
use tracing::{Instrument as _, Span};

use crate::logs::Log;

const COUNTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/counted.json");

/// Bytes that CloudWatch Logs adds to each line.
const LINE_OVERHEAD_BYTES: usize = 26;

/// Digits of a time in milliseconds, so that the figures do not depend on the machine.
const TIME_DIGITS: usize = 3;

/// Maximum bytes that an order logs until it is confirmed, as CloudWatch Logs counts them.
const MAX_LOG_BYTES: u64 = 1500;

const ORDERS: [(&str, &str); 2] = [
    ("oneLine", r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#),
    (
        "twoLines",
        r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#,
    ),
];

/// An order that goes through its lifecycle step by step. Each step is measured.
struct MeasuredOrder<'a> {
    shop: &'a TestShop,
    log: &'a Log,
    driver: EventDriver<'a>,
    stream: StreamReader,
    order_id: String,
    bus_calls: usize,
    steps: Map<String, Value>,
}

impl<'a> MeasuredOrder<'a> {
    /// Places an order, which is the first step.
    async fn place(shop: &'a TestShop, log: &'a Log, body: &str) -> Self {
        let (driver, stream) = (EventDriver::new(shop).await, shop.order_stream().await);
        let order_id = String::new();
        let mut order = Self { shop, log, driver, stream, order_id, bus_calls: 0, steps: Map::new() };
        let request = ApiRequest::post("/order").json(body).header("Idempotency-Key", "k");
        order.order_id = order.request("place", &request, 201).await;
        order
    }

    /// Sends a request that must have this status code, and returns the id of its order.
    async fn request(&mut self, step: &str, request: &ApiRequest, status: u16) -> String {
        self.shop.proxy.start_metering();
        let response = request.send(&self.shop.order_service()).instrument(invocation_span()).await;
        assert_eq!(response.status, status, "{}", response.body);
        self.count(step, json!({"answerBytes": response.body.len()}));
        response.json()["orderId"].as_str().unwrap().to_owned()
    }

    async fn change(&mut self, step: &str) {
        let request = ApiRequest::post(&format!("/order/{{orderId}}/{step}")).path("orderId", &self.order_id);
        self.request(step, &request, 200).await;
    }

    /// Relays one record of the stream.
    async fn relay(&mut self, step: &str) {
        assert_eq!(self.records_for_relay().await, 1, "{step}");
        self.shop.proxy.start_metering();
        self.driver.relay().instrument(invocation_span()).await;
        let [event] = self.shop.bus.calls()[self.bus_calls..].concat().try_into().unwrap();
        self.count(step, json!({"eventBytes": event.size()}));
    }

    /// Consumes one event.
    async fn consume(&mut self, step: &str) {
        self.shop.proxy.start_metering();
        self.driver.consume().instrument(invocation_span()).await;
        assert!(self.driver.pending_events().is_empty());
        self.count(step, json!({}));
    }

    /// Relays the stock that the reservation changed, once with each selection of events.
    async fn relay_stock(&mut self) {
        let filters = test_support::stock_stream_filters();
        let mut records = self.shop.stock_stream().await.read().await;
        records.retain(|record| filters.iter().any(|filter| matches_pattern(filter, record)));
        let changed = vec![records.pop().expect("a record of the reservation")];
        for (step, events) in
            [("relayStockThresholds", InventoryEvents::Thresholds), ("relayStockAll", InventoryEvents::All)]
        {
            self.shop.proxy.start_metering();
            let service = self.shop.inventory_service_publishing(events);
            service.invoke(invocation::stream(&changed)).instrument(invocation_span()).await.unwrap();
            let published = self.shop.bus.calls()[self.bus_calls..].concat();
            let sizes = published.iter().map(|event| json!({"eventBytes": event.size()})).next();
            self.count(step, sizes.unwrap_or_else(|| json!({})));
        }
    }

    fn count(&mut self, step: &str, more: Value) {
        let mut calls = self.shop.proxy.calls_by_operation();
        let bus_calls = self.shop.bus.calls().len();
        if bus_calls > self.bus_calls {
            calls.insert("PutEvents".into(), bus_calls - self.bus_calls);
        }
        self.bus_calls = bus_calls;
        let units = self.shop.proxy.consumed_units();
        let mut counted = json!({"calls": calls, "logBytes": self.log_bytes(), "reads": by_table(&units.reads),
            "writes": by_table(&units.writes), "canceledActions": by_table(&units.canceled_actions)});
        counted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.steps.insert(step.into(), counted);
    }

    /// Returns the bytes of the log line since the last step, as CloudWatch Logs counts them.
    /// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
    fn log_bytes(&self) -> usize {
        let lines = self.log.take_lines();
        assert!(lines.len() <= 1, "one line for each unit of work: {lines:#?}");
        lines.iter().map(|line| fixed_length(line) + LINE_OVERHEAD_BYTES).sum()
    }

    /// Asserts that the consumer's write does not invoke the relay.
    async fn assert_no_record_for_relay(&mut self) {
        assert_eq!(self.records_for_relay().await, 0);
    }

    /// Returns the number of new stream records that pass the filters.
    async fn records_for_relay(&mut self) -> usize {
        let filters = test_support::stream_filters();
        let records = self.stream.read().await;
        records.iter().filter(|record| filters.iter().any(|filter| matches_pattern(filter, record))).count()
    }

    async fn sizes(&self) -> OrderSizes {
        self.shop.order_sizes(&self.order_id).await
    }
}

/// Returns the span that the runtime opens for an invocation.
fn invocation_span() -> Span {
    let request_id = "79b4f56e-95b1-4643-9700-2807f4e68189";
    tracing::info_span!(target: "lambda_runtime::layers::trace", "Lambda runtime invoke", requestId = request_id)
}

/// Returns the length of a line whose times of milliseconds have three digits.
fn fixed_length(line: &str) -> usize {
    let values = [r#""durationMs":"#, r#""OutboxLag":"#].map(|name| {
        let after = line.split_once(name).map_or("", |(_, after)| after).trim_start_matches('[');
        let values = after.split(|c: char| !c.is_ascii_digit() && c != ',').next().unwrap_or_default();
        values.split(',').filter(|value| !value.is_empty()).map(str::len).collect::<Vec<_>>()
    });
    values.iter().flatten().fold(line.len(), |length, digits| length - digits + TIME_DIGITS)
}

/// Removes the unique prefix of the shop from the table names.
fn by_table(units: &BTreeMap<String, u64>) -> BTreeMap<&str, u64> {
    units.iter().map(|(name, units)| (name.split_once('-').unwrap().1, *units)).collect()
}

/// Relays a full batch of placed orders. Returns the records, calls and log bytes of the invocation.
async fn measure_full_batch(body: &str) -> Value {
    let (log, _guard) = Log::capture_at("INFO");
    let shop = TestShop::seeded().await.with_logged_metrics();
    let size = test_support::order_stream_batch_size();
    let (service, mut stream) = (shop.order_service(), shop.order_stream().await);
    for _ in 0..size {
        assert_eq!(ApiRequest::post("/order").json(body).send(&service).await.status, 201);
    }
    let mut records = stream.read().await;
    records
        .retain(|record| test_support::stream_filters().iter().any(|filter| matches_pattern(filter, record)));
    log.take_lines();
    service.invoke(invocation::stream(&records)).instrument(invocation_span()).await.unwrap();
    let lines = log.take_lines();
    assert_eq!((records.len(), lines.len()), (size, size), "one record and one line for each order");
    let log_bytes: usize = lines.iter().map(|line| fixed_length(line) + LINE_OVERHEAD_BYTES).sum();
    json!({"records": size, "calls": {"PutEvents": shop.bus.calls().len()}, "logBytes": log_bytes})
}

async fn measure(body: &str) -> Value {
    let (log, _guard) = Log::capture_at("INFO");
    let shop = TestShop::seeded().await.with_logged_metrics();
    let mut order = MeasuredOrder::place(&shop, &log, body).await;
    let placed = order.sizes().await;
    order.relay("relayPlaced").await;
    order.consume("reserve").await;
    let confirmed = order.sizes().await;
    order.relay("relayConfirmed").await;
    order.relay_stock().await;
    order.change("ship").await;
    order.relay("relayShipped").await;
    order.consume("shipped").await;
    order.assert_no_record_for_relay().await;
    order.change("deliver").await;
    order.relay("relayDelivered").await;
    order.consume("delivered").await;
    order.assert_no_record_for_relay().await;
    let delivered = order.sizes().await;
    let mut steps = order.steps;

    let shop = TestShop::seeded().await.with_logged_metrics();
    let mut order = MeasuredOrder::place(&shop, &log, body).await;
    order.relay("relayPlaced").await;
    order.consume("reserve").await;
    order.relay("relayConfirmed").await;
    order.change("cancel").await;
    order.relay("relayCanceled").await;
    order.consume("canceled").await;
    order.assert_no_record_for_relay().await;
    steps.extend(order.steps);

    let shop = TestShop::seeded().await.with_logged_metrics();
    shop.set_stock("001", 0).await;
    let mut order = MeasuredOrder::place(&shop, &log, body).await;
    order.relay("relayPlaced").await;
    order.consume("reject").await;
    order.relay("relayRejected").await;
    steps.extend(order.steps);

    let item = json!({"placed": placed.item, "confirmed": confirmed.item, "delivered": delivered.item});
    json!({"itemBytes": item, "indexEntryBytes": confirmed.customer_entry,
        "toShipEntryBytes": confirmed.to_ship_entry, "steps": steps})
}

#[tokio::test]
async fn placing_and_confirming_an_order_logs_at_most_1500_bytes() {
    let (log, _guard) = Log::capture_at("INFO");
    let shop = TestShop::seeded().await.with_logged_metrics();
    let mut order = MeasuredOrder::place(&shop, &log, ORDERS[0].1).await;
    order.relay("relayPlaced").await;
    order.consume("reserve").await;
    let bytes: u64 = order.steps.values().map(|step| step["logBytes"].as_u64().unwrap()).sum();
    assert!(bytes <= MAX_LOG_BYTES, "{bytes} bytes");
}

#[tokio::test]
async fn the_cost_model_has_the_calls_units_and_bytes_of_each_step() {
    if !test_support::engine_counts_units() {
        return;
    }
    let mut orders = Map::new();
    for (name, body) in ORDERS {
        let mut order = measure(body).await;
        order["fullRelayBatch"] = measure_full_batch(body).await;
        orders.insert(name.into(), order);
    }
    let measured = Value::Object(orders);
    let text = fs::read_to_string(COUNTED).unwrap_or_else(|error| panic!("{COUNTED}: {error}"));
    let stored: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{COUNTED}: {error}"));
    let expected = serde_json::to_string_pretty(&measured).unwrap();
    assert!(
        measured == stored,
        "tools/counted.json must have these values. Then run `make cost-write`.\n{expected}\n"
    );
}
