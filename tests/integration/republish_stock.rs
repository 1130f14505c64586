//! Republishing: an operator publishes the stock of products again.

use domain::InventoryEvents;
use dynamodb::attribute::{PRODUCT_ID, QUANTITY, REORDER_POINT, REVISION};
use dynamodb::{Item, number, text};
use lambda::RepublishRequest;
use lambda::trigger::{INVALID_REQUEST, UNSUPPORTED_TRIGGER};
use serde_json::{Value, json};
use test_support::{AwsError, BusBehavior, EventDriver, TestShop, invocation};

/// Republishes the stock of products, and returns the outcome for each.
async fn republish(shop: &TestShop, selection: InventoryEvents, products: &[&str]) -> Value {
    let service = shop.inventory_service_publishing(selection);
    let response = service.handle(invocation::republish_stock(products)).await.unwrap();
    serde_json::to_value(&response).unwrap()["products"].take()
}

async fn store(shop: &TestShop, product: &str, quantity: i64, reorder_point: u64) {
    let attributes = [
        (PRODUCT_ID, text(product)),
        (QUANTITY, number(quantity)),
        (REVISION, number(7)),
        (REORDER_POINT, number(reorder_point)),
    ];
    let item: Item = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    shop.put(&shop.tables.inventory, item).await;
}

fn published_types(shop: &TestShop) -> Vec<(String, String)> {
    let mut types: Vec<_> = shop
        .bus
        .published()
        .iter()
        .map(|event| {
            (event.detail()["productId"].as_str().unwrap().to_owned(), event.detail_type().to_owned())
        })
        .collect();
    types.sort();
    types
}

#[tokio::test]
async fn reports_an_outcome_for_each_product() {
    let shop = TestShop::empty().await;
    store(&shop, "a-plenty", 9, 5).await;
    store(&shop, "b-low", 5, 5).await;
    store(&shop, "c-depleted", 0, 5).await;
    store(&shop, "d-unreadable", -1, 5).await;
    let products = ["c-depleted", "d-unreadable", "unknown", "a-plenty", "b-low", "a-plenty"];
    assert_eq!(
        republish(&shop, InventoryEvents::All, &products).await,
        json!([
            {"productId": "a-plenty", "outcome": "Published", "eventTypes": ["InventoryUpdated"]},
            {"productId": "b-low", "outcome": "Published", "eventTypes": ["StockLow", "InventoryUpdated"]},
            {"productId": "c-depleted", "outcome": "Published",
             "eventTypes": ["StockLow", "StockDepleted", "InventoryUpdated"]},
            {"productId": "d-unreadable", "outcome": "Unpublishable", "errorType": "BadItem",
             "reason": "attribute Quantity: invalid digit found in string"},
            {"productId": "unknown", "outcome": "UnknownProduct"},
        ])
    );
    let expected = [
        ("a-plenty", "InventoryUpdated"),
        ("b-low", "InventoryUpdated"),
        ("b-low", "StockLow"),
        ("c-depleted", "InventoryUpdated"),
        ("c-depleted", "StockDepleted"),
        ("c-depleted", "StockLow"),
    ];
    assert_eq!(published_types(&shop), expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())));
}

#[tokio::test]
async fn publishes_the_event_that_the_relay_lost_with_its_id() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    shop.set_stock("001", 12).await;
    driver.relay_stock().await;
    let update = |event: &&test_support::PublishedEvent| {
        event.detail_type() == "InventoryUpdated" && event.detail()["productId"] == "001"
    };
    let lost = shop.bus.published().iter().find(update).unwrap().detail();
    let published = shop.bus.published().len();
    republish(&shop, InventoryEvents::All, &["001"]).await;
    let again = shop.bus.published()[published..].iter().find(update).unwrap().detail();
    assert_eq!((&again["quantity"], &again["revision"]), (&json!(12), &lost["revision"]));
    assert_eq!(again["metadata"]["eventId"], lost["metadata"]["eventId"]);
    assert_eq!(again.get("previousQuantity"), None, "the change is not known");
}

#[tokio::test]
async fn publishes_the_selected_events_only() {
    let shop = TestShop::empty().await;
    store(&shop, "low", 5, 5).await;
    store(&shop, "plenty", 9, 5).await;
    let outcomes = republish(&shop, InventoryEvents::Thresholds, &["low", "plenty"]).await;
    assert_eq!(outcomes[0]["eventTypes"], json!(["StockLow"]));
    assert_eq!(outcomes[1], json!({"productId": "plenty", "outcome": "NothingToPublish"}));
    let outcomes = republish(&shop, InventoryEvents::None, &["low"]).await;
    assert_eq!(outcomes[0]["outcome"], "NothingToPublish");
    assert_eq!(published_types(&shop), [("low".to_owned(), "StockLow".to_owned())]);
}

#[tokio::test]
async fn reads_all_products_consistently_in_one_call() {
    let shop = TestShop::seeded().await;
    let ids: Vec<String> = (0..RepublishRequest::MAX_IDS).map(|n| format!("product-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(republish(&shop, InventoryEvents::All, &ids).await.as_array().unwrap().len(), ids.len());
    let [request] = shop.proxy.requests("BatchGetItem").try_into().unwrap();
    assert_eq!(request["RequestItems"][&shop.tables.inventory]["ConsistentRead"], true);
}

#[tokio::test]
async fn reports_events_that_the_bus_rejects() {
    let shop = TestShop::empty().await;
    store(&shop, "one", 9, 5).await;
    store(&shop, "two", 9, 5).await;
    shop.bus.script([BusBehavior::reject([(0, "MalformedDetail"), (1, "InternalFailure")])]);
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    let outcomes = republish(&shop, InventoryEvents::All, &["one", "two"]).await;
    let mut outcomes: Vec<_> =
        outcomes.as_array().unwrap().iter().map(|product| product["outcome"].clone()).collect();
    outcomes.sort_by_key(Value::to_string);
    assert_eq!(outcomes, ["NotAccepted", "Unpublishable"]);
}

#[tokio::test]
async fn each_function_rejects_the_request_of_the_other() {
    let shop = TestShop::seeded().await;
    let error = shop.order_service().handle(invocation::republish_stock(&["001"])).await.unwrap_err();
    assert_eq!(error.error_type, UNSUPPORTED_TRIGGER);
    assert_eq!(error.message, "function does not republish the stock of products");
    let error = shop.inventory_service().handle(invocation::republish(&["001"])).await.unwrap_err();
    assert_eq!(error.error_type, UNSUPPORTED_TRIGGER);
    assert_eq!(error.message, "function does not republish the events of orders");
    assert!(shop.bus.published().is_empty());
}

#[tokio::test]
async fn fails_an_invalid_request_and_publishes_nothing() {
    let shop = TestShop::seeded().await;
    let service = shop.inventory_service();
    let error = service.handle(invocation::republish_stock(&["001", "001#entry"])).await.unwrap_err();
    assert_eq!(error.error_type, INVALID_REQUEST);
    assert!(error.message.contains("#/republish/productIds/1"), "{error}");
    shop.proxy.on("BatchGetItem").always().fail(AwsError::access_denied());
    let error = service.handle(invocation::republish_stock(&["001"])).await.unwrap_err();
    assert_eq!(error.error_type, lambda::error::INTERNAL);
    assert!(shop.bus.published().is_empty());
}
