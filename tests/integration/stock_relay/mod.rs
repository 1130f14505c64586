//! The stock relay: publishes the events of changed stock items.

use domain::{InventoryEvents, StockLevel};
use serde_json::{Value, json};
use test_support::{PublishedEvent, TestShop, batch_item_failures, invocation};

mod events;
mod failures;
mod filter;
mod poison;
mod regrouping;

/// A stock item at a revision.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stock {
    product: &'static str,
    quantity: u64,
    revision: u64,
    reorder_point: Option<u64>,
}

impl Stock {
    /// Returns the first revision of an item without reorder point.
    const fn new(product: &'static str, quantity: u64) -> Self {
        Self { product, quantity, revision: 1, reorder_point: None }
    }

    /// Returns the next revision, with this quantity.
    const fn then(self, quantity: u64) -> Self {
        Self { quantity, revision: self.revision + 1, ..self }
    }

    /// Returns the next revision, with this reorder point.
    const fn then_reorder_at(self, point: u64) -> Self {
        Self { reorder_point: Some(point), revision: self.revision + 1, ..self }
    }

    fn image(self) -> Value {
        let mut image = json!({
            "ProductId": {"S": self.product},
            "Quantity": {"N": self.quantity.to_string()},
            "Revision": {"N": self.revision.to_string()},
        });
        if let Some(point) = self.reorder_point {
            image["ReorderPoint"] = json!({"N": point.to_string()});
        }
        image
    }

    fn level(self) -> StockLevel {
        StockLevel {
            product_id: self.product.parse().unwrap(),
            quantity: self.quantity,
            revision: self.revision,
            reorder_point: self.reorder_point,
        }
    }
}

/// Returns the stream record of a change. Its number determines its position and time.
fn record(number: usize, before: Option<Stock>, after: Stock) -> Value {
    let mut record = json!({
        "eventID": number.to_string(),
        "eventName": if before.is_some() { "MODIFY" } else { "INSERT" },
        "eventSource": "aws:dynamodb",
        "awsRegion": test_support::REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1_735_689_600 + number,
            "Keys": {"ProductId": {"S": after.product}},
            "NewImage": after.image(),
            "SequenceNumber": format!("{number:021}"),
            "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    });
    if let Some(before) = before {
        record["dynamodb"]["OldImage"] = before.image();
    }
    record
}

/// Returns the records of the changes from each state to the next one of the same product. The
/// first state of a product is no change.
fn records(states: &[Stock]) -> Vec<Value> {
    let mut records = Vec::new();
    for (index, after) in states.iter().enumerate() {
        let before = states[..index].iter().rfind(|before| before.product == after.product);
        if let Some(before) = before {
            records.push(record(records.len() + 1, Some(*before), *after));
        }
    }
    records
}

fn sequence_number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}

/// Invokes the function with records, and returns the sequence number of the first failed record,
/// if any.
async fn relay(shop: &TestShop, records: &[Value]) -> Option<String> {
    relay_selected(shop, InventoryEvents::All, records).await
}

async fn relay_selected(shop: &TestShop, selection: InventoryEvents, records: &[Value]) -> Option<String> {
    let service = shop.inventory_service_publishing(selection);
    let response = service.handle(invocation::stream(records)).await.unwrap();
    let failed = batch_item_failures(&response);
    assert!(failed.len() <= 1, "{failed:?}");
    failed.into_iter().next()
}

/// Describes an event by type, product, quantity and revision.
fn describe(event: &PublishedEvent) -> String {
    let detail = event.detail();
    let product = detail["productId"].as_str().unwrap();
    format!("{} {product} {} r{}", event.detail_type(), detail["quantity"], detail["revision"])
}

/// Describes the events since the last call.
fn new_events(shop: &TestShop) -> Vec<String> {
    shop.bus.take_new().iter().map(describe).collect()
}
