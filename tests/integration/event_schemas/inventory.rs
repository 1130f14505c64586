//! The schemas of inventory events.

use std::collections::BTreeSet;

use domain::inventory_event::coalesce;
use domain::{InventoryEvent, InventoryEventKind, StockChange, StockLevel, Timestamp};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use test_support::{EventDriver, TestShop};

use super::files::{event_schema, event_validator};
use super::{errors, id, pointers, remove};

/// Returns the name of the schema for a kind of event, such as `stock-low`.
pub(super) fn schema_of(kind: InventoryEventKind) -> String {
    let mut name = String::new();
    for c in kind.as_str().chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Returns every event that a change can cause.
fn events_of(change: &StockChange) -> Vec<InventoryEvent> {
    let mut events = change.threshold_events();
    events.extend(coalesce(std::slice::from_ref(change)));
    events.extend(InventoryEvent::of_level(&change.after, change.time));
    events
}

#[test]
fn documents_examples_with_the_ids_of_the_code() {
    for kind in InventoryEventKind::ALL {
        let (name, validator) = (schema_of(kind), event_validator(&schema_of(kind), true));
        for example in event_schema(&name)["examples"].as_array().unwrap() {
            assert_eq!(errors(&validator, example), [""; 0], "{name}");
            let number = |field: &str| example[field].as_u64();
            let level = |quantity, revision| StockLevel {
                product_id: example["productId"].as_str().unwrap().parse().unwrap(),
                quantity,
                revision,
                reorder_point: number("reorderPoint"),
            };
            let (after, revision) = (number("quantity").unwrap(), number("revision").unwrap());
            let before = match kind {
                InventoryEventKind::Updated => number("previousQuantity"),
                InventoryEventKind::Low | InventoryEventKind::Depleted => Some(after + 1),
                InventoryEventKind::BackInStock => Some(0),
            };
            let change = StockChange {
                before: before.map(|quantity| level(quantity, revision - 1)),
                after: level(after, revision),
                time: example["metadata"]["occurredAt"].as_str().unwrap().parse().unwrap(),
            };
            let event = events_of(&change).into_iter().find(|event| event.kind == kind).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&event.to_json().unwrap()).unwrap(), *example);
        }
    }
}

/// Every field of a written event is required, except `previousQuantity`.
#[test]
fn requires_the_fields_that_every_event_has() {
    for kind in InventoryEventKind::ALL {
        let (schema, validator) = (event_schema(&schema_of(kind)), event_validator(&schema_of(kind), true));
        for pointer in pointers(&schema["examples"][0]) {
            let mut event = schema["examples"][0].clone();
            remove(&mut event, &pointer);
            assert_eq!(
                validator.is_valid(&event),
                pointer == "/previousQuantity",
                "{kind} without {pointer}"
            );
        }
    }
}

#[test]
fn rejects_values_that_contradict_the_kind() {
    for (kind, field, value) in [
        (InventoryEventKind::Updated, "quantity", json!(-1)),
        (InventoryEventKind::Updated, "quantity", json!(1.5)),
        (InventoryEventKind::Updated, "detailType", json!("StockLow")),
        (InventoryEventKind::Low, "reorderPoint", json!("20")),
        (InventoryEventKind::Depleted, "quantity", json!(1)),
        (InventoryEventKind::BackInStock, "quantity", json!(0)),
        (InventoryEventKind::BackInStock, "productId", json!("001#1")),
        (InventoryEventKind::BackInStock, "revision", json!(-1)),
    ] {
        let mut event = event_schema(&schema_of(kind))["examples"][0].clone();
        event[field] = value.clone();
        assert!(!event_validator(&schema_of(kind), false).is_valid(&event), "{kind} with {value} at {field}");
    }
}

fn level() -> impl Strategy<Value = StockLevel> {
    let quantity = || prop_oneof![0_u64..4, any::<u64>()];
    let level = (quantity(), any::<u64>(), proptest::option::of(quantity()));
    level.prop_map(|(quantity, revision, reorder_point)| StockLevel {
        product_id: "001".parse().unwrap(),
        quantity,
        revision,
        reorder_point,
    })
}

thread_local! {
    static STRICT: Vec<(InventoryEventKind, Validator)> =
        InventoryEventKind::ALL.map(|kind| (kind, event_validator(&schema_of(kind), true))).into();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn written_events_match_their_schemas(
        product_id in id(64), before in proptest::option::of(level()), after in level(), millis in 0..253_402_300_800_000_u64,
    ) {
        let of_product = |level| StockLevel { product_id: domain::ProductId::clone(&product_id), ..level };
        let time = Timestamp::from_unix_millis(millis).unwrap();
        let change = StockChange { before: before.map(of_product), after: of_product(after), time };
        for event in events_of(&change) {
            let value = serde_json::from_str(&event.to_json().unwrap()).unwrap();
            let found = STRICT.with(|all| {
                let (_, validator) = all.iter().find(|(kind, _)| *kind == event.kind).unwrap();
                errors(validator, &value)
            });
            prop_assert_eq!(found, Vec::<String>::new(), "{}", value);
        }
    }
}

#[tokio::test]
async fn published_events_match_their_schemas() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let update = shop.direct_client().update_item().table_name(&shop.tables.inventory);
    let update = update
        .key("ProductId", dynamodb::text("001"))
        .update_expression("SET ReorderPoint = :point ADD Revision :one");
    let update = update.expression_attribute_values(":point", dynamodb::number(5));
    update.expression_attribute_values(":one", dynamodb::number(1)).send().await.unwrap();
    for quantity in [3, 0, 9] {
        shop.set_stock("001", quantity).await;
    }
    driver.relay_stock().await;
    let validator = event_validator("event", true);
    let mut kinds = BTreeSet::new();
    for event in shop.bus.published() {
        let envelope = serde_json::from_str(event.envelope().get()).unwrap();
        assert_eq!(errors(&validator, &envelope), [""; 0], "{envelope}");
        kinds.insert(event.detail_type().to_owned());
    }
    assert_eq!(kinds, InventoryEventKind::ALL.map(|kind| kind.as_str().to_owned()).into());
}
