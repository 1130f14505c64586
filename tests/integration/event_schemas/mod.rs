//! The schemas in docs/events describe the events that the code reads and writes.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::str::FromStr;

use domain::event::{ORDER_SOURCE, SCHEMA_VERSION, WAREHOUSE_SOURCE};
use domain::inventory_event::INVENTORY_SOURCE;
use domain::{
    CorrelationId, CustomerId, EventId, EventKind, EventMetadata, InventoryEventKind, LineItem, Money,
    OrderEvent, OrderId, OrderLine, OrderLines, ProductId, Quantity, Shipment, ShortText, Shortage,
    StockReceived, Timestamp,
};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use test_support::{ApiRequest, EventDriver, TestShop, invocation};

use files::{event_schema, event_schemas, event_validator};

mod files;
mod inventory;
mod stock_received;

/// Returns the name of the schema for a kind of event.
fn schema_of(kind: EventKind) -> String {
    format!("order-{}", kind.as_str().strip_prefix("Order").unwrap().to_lowercase())
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn has_one_schema_for_each_kind_of_event() {
    let mut names: BTreeSet<_> = EventKind::ALL.map(schema_of).into();
    names.extend(["definitions", "event", "stock-received"].map(str::to_owned));
    names.extend(InventoryEventKind::ALL.map(inventory::schema_of));
    assert_eq!(event_schemas().into_iter().collect::<BTreeSet<_>>(), names);
    let kinds = EventKind::ALL.map(EventKind::as_str);
    let inventory_kinds = InventoryEventKind::ALL.map(InventoryEventKind::as_str);
    let envelope = event_schema("event");
    let properties = &envelope["properties"];
    let received = [StockReceived::DETAIL_TYPE];
    assert_eq!(properties["detail-type"]["enum"], json!([&kinds[..], &inventory_kinds, &received].concat()));
    assert_eq!(properties["source"]["enum"], json!([ORDER_SOURCE, INVENTORY_SOURCE, WAREHOUSE_SOURCE]));
    for choice in envelope["oneOf"].as_array().unwrap() {
        let detail_type = choice["properties"]["detail-type"]["const"].as_str().unwrap();
        let source = match detail_type {
            StockReceived::DETAIL_TYPE => WAREHOUSE_SOURCE,
            detail_type if kinds.contains(&detail_type) => ORDER_SOURCE,
            _ => INVENTORY_SOURCE,
        };
        assert_eq!(choice["properties"]["source"]["const"], source, "{detail_type}");
    }
}

#[test]
fn documents_the_limits_of_the_code() {
    let definitions = event_schema("definitions");
    let limits = [
        ("orderId/maxLength", OrderId::MAX_LENGTH),
        ("customerId/maxLength", CustomerId::MAX_LENGTH),
        ("productId/maxLength", ProductId::MAX_LENGTH),
        ("eventId/maxLength", EventId::MAX_LENGTH),
        ("correlationId/maxLength", CorrelationId::MAX_LENGTH),
        ("quantity/minimum", Quantity::MIN as usize),
        ("quantity/maximum", Quantity::MAX as usize),
        ("items/maxItems", OrderLines::MAX),
        ("pricedItems/maxItems", OrderLines::MAX),
        ("shortText/maxLength", ShortText::MAX_LENGTH),
        ("shortages/maxItems", OrderLines::MAX),
        ("metadata/properties/schemaVersion/const", SCHEMA_VERSION as usize),
    ];
    for (pointer, limit) in limits {
        assert_eq!(definitions.pointer(&format!("/$defs/{pointer}")), Some(&json!(limit)), "{pointer}");
    }
    let most = definitions.pointer("/$defs/money/maximum").and_then(Value::as_u64).unwrap();
    assert_eq!(format!("{most}.00"), Money::MAX.to_string());
}

#[test]
fn documents_examples_that_are_valid_and_round_trip() {
    for kind in EventKind::ALL {
        let (name, validator) = (schema_of(kind), event_validator(&schema_of(kind), true));
        let schema = event_schema(&name);
        let examples = schema["examples"].as_array().unwrap();
        assert_eq!(
            examples.iter().map(|example| example.get("metadata").is_some()).collect::<Vec<_>>(),
            [false, true]
        );
        for example in examples {
            assert_eq!(errors(&validator, example), [""; 0], "{name}");
            let event = OrderEvent::from_json(&example.to_string()).unwrap();
            assert_eq!(event.kind(), kind);
            assert_eq!(serde_json::from_str::<Value>(&event.to_json().unwrap()).unwrap(), *example);
        }
    }
}

#[test]
fn sample_events_match_their_schemas() {
    let validator = event_validator("event", true);
    for name in ["order-placed", "order-shipped", "order-delivered", "order-canceled"] {
        let event: Value = serde_json::from_str(invocation::fixture(name).payload.get()).unwrap();
        assert_eq!(errors(&validator, &event), [""; 0], "{name}");
        assert_eq!(errors(&event_validator(name, true), &event["detail"]), [""; 0], "{name}");
    }
}

#[test]
fn accepts_unknown_fields() {
    for kind in EventKind::ALL {
        let validator = event_validator(&schema_of(kind), false);
        let mut event = event_schema(&schema_of(kind))["examples"][1].clone();
        add_fields(&mut event);
        assert_eq!(errors(&validator, &event), [""; 0], "{kind}");
        assert_eq!(OrderEvent::from_json(&event.to_string()).unwrap().kind(), kind);
    }
}

/// Adds a field to every object.
fn add_fields(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(add_fields),
        Value::Object(members) => {
            members.values_mut().for_each(add_fields);
            members.insert("added".into(), json!({"later": [1]}));
        }
        _ => {}
    }
}

/// The schema and the code have the same required fields.
#[test]
fn schema_and_code_require_the_same_fields() {
    for kind in EventKind::ALL {
        let validator = event_validator(&schema_of(kind), false);
        let whole = event_schema(&schema_of(kind))["examples"][1].clone();
        for pointer in pointers(&whole) {
            let mut event = whole.clone();
            remove(&mut event, &pointer);
            let read = OrderEvent::from_json(&event.to_string());
            assert_eq!(read.is_ok(), validator.is_valid(&event), "{kind} without {pointer}: {read:?}");
        }
    }
}

/// Returns values that are valid for some fields and invalid for other fields.
fn probe_values() -> Vec<Value> {
    let texts = [
        "",
        "a",
        " a",
        "a\u{a0}",
        "a b",
        "a/b",
        "é",
        "a\n",
        "a\u{202e}b",
        "a\u{e0041}b",
        "a\u{85}b",
        "a\u{3000}b",
        "2025-01-01",
        "2025-13-01T00:00:00Z",
        "2025-01-01T00:00:00Z",
    ];
    let long = [64, 65, 128, 129, 200, 201].map(|length| json!("x".repeat(length)));
    let mut values: Vec<_> = texts.into_iter().map(Value::from).chain(long).collect();
    values.extend([json!(null), json!(true), json!([]), json!({}), json!([1]), json!({"a": 1})]);
    values.extend([json!(-1), json!(0), json!(1), json!(2), json!(1000), json!(1001)]);
    values.extend([
        json!(0.5),
        json!(-0.01),
        json!(1.005),
        json!(1_000_000_000_000_u64),
        json!(1_000_000_000_001_u64),
    ]);
    values
}

#[test]
fn schema_and_code_accept_the_same_values() {
    let mut disagreements = Vec::new();
    for kind in EventKind::ALL {
        let validator = event_validator(&schema_of(kind), false);
        let whole = event_schema(&schema_of(kind))["examples"][1].clone();
        for pointer in pointers(&whole) {
            for value in probe_values() {
                let mut event = whole.clone();
                *event.pointer_mut(&pointer).unwrap() = value.clone();
                if is_optional(kind, &pointer) && value.is_null() {
                    // Some languages write null for a missing field, so the code accepts it.
                    continue;
                }
                let read = OrderEvent::from_json(&event.to_string());
                let is_accepted = is_lenient(&pointer) || validator.is_valid(&event);
                if read.is_ok() != is_accepted {
                    disagreements.push(format!("{kind} with {value} at {pointer}: {read:?}"));
                }
            }
        }
    }
    assert_eq!(disagreements, [""; 0]);
}

/// Returns true for the fields whose invalid value the code drops instead of rejecting the event.
fn is_lenient(pointer: &str) -> bool {
    ["/carrier", "/trackingNumber", "/metadata/sequence", "/metadata/traceparent"].contains(&pointer)
}

/// Returns true if events of a kind may omit this field.
fn is_optional(kind: EventKind, pointer: &str) -> bool {
    let name = pointer.rsplit('/').next().unwrap();
    match kind {
        EventKind::Confirmed if ["totalAmount", "unitPrice"].contains(&name) => true,
        _ => ["metadata", "carrier", "trackingNumber"].contains(&name),
    }
}

/// Returns the JSON Pointers of all members of objects.
fn pointers(value: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| {
        pointers(value).into_iter().map(move |rest| format!("/{name}{rest}")).collect::<Vec<_>>()
    };
    match value {
        Value::Array(elements) => {
            elements.iter().enumerate().flat_map(|(n, value)| below(n.to_string(), value)).collect()
        }
        Value::Object(members) => {
            let own = members.keys().map(|name| format!("/{name}"));
            own.chain(members.iter().flat_map(|(name, value)| below(name.clone(), value))).collect()
        }
        _ => Vec::new(),
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
}

fn id<T: FromStr<Err: Debug> + Debug>(longest: usize) -> impl Strategy<Value = T> {
    proptest::string::string_regex(&format!("[A-Za-z0-9._-]{{1,{longest}}}"))
        .unwrap()
        .prop_map(|text| text.parse().unwrap())
}

fn product() -> impl Strategy<Value = ProductId> {
    id(ProductId::MAX_LENGTH)
}

fn quantity() -> impl Strategy<Value = Quantity> {
    (Quantity::MIN..=Quantity::MAX).prop_map(|quantity| Quantity::new(quantity).unwrap())
}

fn lines() -> impl Strategy<Value = OrderLines> {
    let products = proptest::collection::btree_map(product(), quantity(), 1..=OrderLines::MAX);
    products.prop_map(|products| {
        let line = |(product_id, quantity)| OrderLine { product_id, quantity };
        OrderLines::merge(products.into_iter().map(line)).unwrap()
    })
}

fn shortages() -> impl Strategy<Value = Vec<Shortage>> {
    let shortage = (product(), quantity(), any::<u64>());
    let shortage =
        shortage.prop_map(|(product_id, requested, available)| Shortage { product_id, requested, available });
    proptest::collection::vec(shortage, 1..=OrderLines::MAX)
}

fn money() -> impl Strategy<Value = Money> {
    let minor_units = prop_oneof![0..=100_000_000_000_000_u64, 0..=1_000_000_u64, Just(100_000_000_000_000)];
    minor_units.prop_map(|minor_units| Money::from_minor_units(minor_units).unwrap())
}

fn short_text() -> impl Strategy<Value = ShortText> {
    let valid = |text: String| text.parse().ok();
    prop_oneof!["[ -~]{1,200}", "\\PC{1,200}"].prop_filter_map("a text that breaks a rule", valid)
}

fn shipment() -> impl Strategy<Value = Shipment> {
    let value = || proptest::option::of(short_text());
    (value(), value()).prop_map(|(carrier, tracking_number)| Shipment { carrier, tracking_number })
}

fn metadata() -> impl Strategy<Value = Option<EventMetadata>> {
    let time = (0..253_402_300_800_000_u64).prop_map(|millis| Timestamp::from_unix_millis(millis).unwrap());
    let trace = "00-[1-9a-f]{32}-[1-9a-f]{16}-01".prop_map(|text| text.parse().unwrap());
    let trace = proptest::option::of(trace);
    let metadata = (id(EventId::MAX_LENGTH), time, id(CorrelationId::MAX_LENGTH), trace);
    proptest::option::of(metadata.prop_map(|(event_id, occurred_at, correlation_id, traceparent)| {
        EventMetadata {
            event_id,
            occurred_at,
            schema_version: SCHEMA_VERSION,
            correlation_id,
            traceparent,
            sequence: Some(1),
        }
    }))
}

prop_compose! {
    fn event()(
        kind in proptest::sample::select(EventKind::ALL.to_vec()),
        order_id in id::<OrderId>(OrderId::MAX_LENGTH),
        customer_id in id::<CustomerId>(CustomerId::MAX_LENGTH),
        items in lines(),
        total_amount in money(),
        unit_price in proptest::option::of(money()),
        confirmed_total in proptest::option::of(money()),
        shipment in shipment(),
        shortages in shortages(),
        metadata in metadata(),
    ) -> OrderEvent {
        match kind {
            EventKind::Placed => OrderEvent::Placed { order_id, customer_id, items, total_amount, metadata },
            EventKind::Confirmed => {
                let items = Vec::from(items).into_iter();
                let items = items.map(|line| LineItem { line, unit_price }).collect();
                OrderEvent::Confirmed { order_id, customer_id, items, total_amount: confirmed_total, metadata }
            }
            EventKind::Shipped => OrderEvent::Shipped { order_id, shipment, metadata },
            EventKind::Delivered => OrderEvent::Delivered { order_id, metadata },
            EventKind::Canceled => OrderEvent::Canceled { order_id, customer_id, items, metadata },
            EventKind::Rejected => OrderEvent::Rejected { order_id, customer_id, items, shortages, metadata },
        }
    }
}

thread_local! {
    static STRICT: Vec<(EventKind, Validator)> =
        EventKind::ALL.map(|kind| (kind, event_validator(&schema_of(kind), true))).into();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn written_events_match_their_schemas_and_round_trip(event in event()) {
        let text = event.to_json().unwrap();
        let value = serde_json::from_str(&text).unwrap();
        let found = STRICT.with(|all| {
            let (_, validator) = all.iter().find(|(kind, _)| *kind == event.kind()).unwrap();
            errors(validator, &value)
        });
        prop_assert_eq!(found, Vec::<String>::new(), "{}", text);
        prop_assert_eq!(OrderEvent::from_json(&text).unwrap(), event);
    }
}

#[tokio::test]
async fn published_events_match_their_schemas() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let mut driver = EventDriver::new(&shop).await;
    for (quantity, actions) in [(1, &["ship", "deliver"][..]), (1, &["cancel"]), (1000, &[])] {
        let body = json!({"customerId": "001", "items": [{"productId": "001", "quantity": quantity}]});
        let order = ApiRequest::post("/order").json(body.to_string()).send(&service).await;
        driver.run().await;
        for action in actions {
            let change = ApiRequest::post(&format!("/order/{{orderId}}/{action}"));
            let change = change.path("orderId", order.json()["orderId"].as_str().unwrap());
            assert_eq!(change.send(&service).await.status, 200);
            driver.run().await;
        }
    }

    let validator = event_validator("event", true);
    let mut kinds = BTreeSet::new();
    for event in shop.bus.published() {
        let envelope = serde_json::from_str(event.envelope().get()).unwrap();
        assert_eq!(errors(&validator, &envelope), [""; 0], "{envelope}");
        kinds.insert(event.detail_type().to_owned());
    }
    assert_eq!(kinds, EventKind::ALL.map(|kind| kind.as_str().to_owned()).into());
}
