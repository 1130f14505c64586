//! Stock items that cannot be read: each is reported once, and does not block the ones after it.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::UnpublishableEvent;
use dynamodb::attribute::{PRODUCT_ID, QUANTITY, REORDER_POINT, REVISION};
use dynamodb::{Item, number, text};
use serde_json::{Value, json};
use test_support::{AwsError, BusBehavior, EventDriver, TestShop};

use super::{Stock, describe, record, relay};

/// Stores a stock item with this quantity and revision.
async fn store(shop: &TestShop, product: &str, quantity: AttributeValue, revision: u64) {
    let attributes = [(PRODUCT_ID, text(product)), (QUANTITY, quantity), (REVISION, number(revision))];
    let item: Item = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    shop.put(&shop.tables.inventory, item).await;
}

/// Returns the details of the reports in the dead-letter queue.
fn reports(driver: &EventDriver<'_>) -> Vec<Value> {
    driver.unhandled_messages().iter().map(|message| message["requestPayload"]["detail"].clone()).collect()
}

#[tokio::test]
async fn reports_an_unreadable_item_once_and_continues() {
    let shop = TestShop::empty().await;
    let mut driver = EventDriver::new(&shop).await;
    store(&shop, "001", text("many"), 1).await;
    // A change that leaves the item unreadable is not reported again.
    store(&shop, "001", text("many"), 2).await;
    store(&shop, "002", number(7), 1).await;
    driver.relay_stock().await;

    let [report] = reports(&driver).try_into().unwrap();
    assert_eq!((&report["productId"], &report["errorType"]), (&json!("001"), &json!("BadItem")));
    assert_eq!(report["reason"], "attribute Quantity: must be a number");
    assert!(report["sequenceNumber"].as_str().is_some_and(|number| !number.is_empty()));
    let message = &driver.unhandled_messages()[0];
    assert_eq!(message["requestPayload"]["detail-type"], UnpublishableEvent::INVENTORY_EVENT);
    assert_eq!(message["requestPayload"]["source"], "ecommerce.inventory");
    assert_eq!(message["responsePayload"]["errorType"], "UnhandledDetailType");
    let events = shop.bus.published();
    let stock = events.iter().filter(|event| event.detail_type() != UnpublishableEvent::INVENTORY_EVENT);
    assert_eq!(
        stock.map(describe).collect::<Vec<_>>(),
        ["BackInStock 002 7 r1", "InventoryUpdated 002 7 r1"]
    );
    assert_eq!(driver.pending_stock_records(), 0);
}

#[tokio::test]
async fn publishes_an_item_again_once_it_is_repaired() {
    let shop = TestShop::empty().await;
    let mut driver = EventDriver::new(&shop).await;
    store(&shop, "001", number(-1), 1).await;
    driver.relay_stock().await;
    assert_eq!(reports(&driver).len(), 1);
    store(&shop, "001", number(5), 2).await;
    driver.relay_stock().await;
    let events = &shop.bus.published()[1..];
    let described: Vec<_> = events.iter().map(describe).collect();
    assert_eq!(described, ["BackInStock 001 5 r2", "InventoryUpdated 001 5 r2"]);
    assert_eq!(events[1].detail().get("previousQuantity"), None, "the quantity before is not known");
}

#[tokio::test]
async fn reports_an_unreadable_product_id_with_the_sequence_number() {
    let shop = TestShop::empty().await;
    let mut driver = EventDriver::new(&shop).await;
    store(&shop, "not an id", number(1), 1).await;
    driver.relay_stock().await;
    let [report] = reports(&driver).try_into().unwrap();
    assert_eq!(report.get("productId"), None);
    assert!(report["sequenceNumber"].is_string(), "{report}");
}

#[tokio::test]
async fn covers_the_changes_around_an_unreadable_one() {
    let shop = TestShop::empty().await;
    let stock = Stock::new("001", 9);
    let mut unreadable = record(2, Some(stock.then(8)), stock.then(8).then(7));
    unreadable["dynamodb"]["NewImage"][REORDER_POINT] = json!({"S": "soon"});
    let mut repaired = record(3, Some(stock.then(8).then(7)), stock.then(8).then(7).then(6));
    repaired["dynamodb"]["OldImage"][REORDER_POINT] = json!({"S": "soon"});
    let batch = [record(1, Some(stock), stock.then(8)), unreadable, repaired];
    assert_eq!(relay(&shop, &batch).await, None);
    let kinds: Vec<_> = shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    assert_eq!(kinds, ["BackInStock", "InventoryUpdated", UnpublishableEvent::INVENTORY_EVENT]);
    let update = shop.bus.published()[1].detail();
    assert_eq!((&update["previousQuantity"], &update["quantity"]), (&json!(9), &json!(6)));
}

#[tokio::test]
async fn reports_a_permanently_rejected_event_without_a_retry() {
    let shop = TestShop::empty().await;
    let stock = Stock::new("001", 9);
    shop.bus.script([BusBehavior::reject([(0, "MalformedDetail")])]);
    assert_eq!(relay(&shop, &[record(1, Some(stock), stock.then(8))]).await, None);
    let [report] = shop.bus.published().try_into().unwrap();
    assert_eq!(report.detail_type(), UnpublishableEvent::INVENTORY_EVENT);
    let detail = report.detail();
    assert_eq!((&detail["productId"], &detail["errorType"]), (&json!("001"), &json!("Refused")));
}

#[tokio::test]
async fn fails_a_record_only_if_its_report_cannot_be_published() {
    let shop = TestShop::empty().await;
    let mut driver = EventDriver::new(&shop).await;
    store(&shop, "001", text("many"), 1).await;
    store(&shop, "002", number(0), 1).await;
    shop.bus.script([BusBehavior::Accept]);
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    driver.relay_stock().await;
    assert_eq!((driver.pending_stock_records(), reports(&driver).len()), (2, 0));
    assert_eq!(shop.bus.published().iter().map(describe).collect::<Vec<_>>(), ["InventoryUpdated 002 0 r1"]);
    shop.bus.set_default(BusBehavior::Accept);
    driver.relay_stock().await;
    assert_eq!((driver.pending_stock_records(), reports(&driver).len()), (0, 1));
}

#[tokio::test]
async fn unknown_stock_events_go_to_the_dead_letter_queue() {
    let shop = TestShop::empty().await;
    let mut driver = EventDriver::new(&shop).await;
    for (source, detail_type) in [("ecommerce.inventory", "StockLost"), ("ecommerce.warehouse", "StockLost")]
    {
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
            .event_bus_name(test_support::BUS_NAME)
            .source(source)
            .detail_type(detail_type)
            .detail(r#"{"productId":"001"}"#)
            .build();
        shop.bus.client().put_events().entries(entry).send().await.unwrap();
    }
    driver.relay_stock().await;
    let sources: Vec<_> = driver
        .unhandled_messages()
        .iter()
        .map(|message| message["requestPayload"]["source"].clone())
        .collect();
    assert_eq!(sources, ["ecommerce.inventory", "ecommerce.warehouse"]);
}
