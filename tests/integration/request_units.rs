//! The round trips and DynamoDB request units of each operation.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>

use std::collections::BTreeMap;

use domain::OrderStatus;
use test_support::{ApiRequest, EventDriver, TestShop};

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;
const SINGLE_LINE: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":2}]}"#;

/// Returns a shop that counts request units, if the engine counts them correctly.
async fn metered_shop() -> Option<TestShop> {
    if !test_support::engine_counts_units() {
        return None;
    }
    let shop = TestShop::seeded().await;
    shop.proxy.start_metering();
    Some(shop)
}

async fn place(shop: &TestShop, body: &str) -> String {
    let request = ApiRequest::post("/order").header("Idempotency-Key", "key-1").json(body);
    let response = request.send(&shop.order_service()).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.json()["orderId"].as_str().unwrap().to_owned()
}

fn round_trips(shop: &TestShop) -> usize {
    shop.proxy.calls_by_operation().values().sum()
}

fn units<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.map(|(name, units)| (name.to_owned(), units)).into()
}

#[tokio::test]
async fn placing_an_order_writes_one_unit_to_the_table_and_one_to_the_index() {
    let Some(shop) = metered_shop().await else { return };
    place(&shop, ORDER).await;
    let (orders, index) = (&shop.tables.orders, format!("{}/CustomerOrders", shop.tables.orders));
    assert_eq!(shop.proxy.consumed_units().writes, units([(orders, 1), (&index, 1)]));
    assert_eq!(round_trips(&shop), 2);
}

#[tokio::test]
async fn placing_an_order_reads_its_customer_and_each_product_once() {
    let Some(shop) = metered_shop().await else { return };
    place(&shop, ORDER).await;
    // A consistent read consumes one unit for each item of up to 4 KB.
    let read = units([(&shop.tables.customers, 1), (&shop.tables.products, 2)]);
    assert_eq!(shop.proxy.consumed_units().reads, read);
}

#[tokio::test]
async fn a_retry_with_the_same_key_needs_two_round_trips() {
    let shop = TestShop::seeded().await;
    place(&shop, ORDER).await;
    shop.proxy.reset();
    place(&shop, ORDER).await;
    assert_eq!(round_trips(&shop), 2);
}

#[tokio::test]
async fn reserving_one_line_needs_one_round_trip_and_four_write_units_and_one_of_the_index() {
    let Some(shop) = metered_shop().await else { return };
    let id = place(&shop, SINGLE_LINE).await;
    let mut driver = EventDriver::new(&shop).await;
    driver.relay().await;
    shop.proxy.start_metering();
    driver.run().await;
    assert_eq!(shop.order(&id).await.unwrap().status, OrderStatus::Confirmed);
    // A transaction consumes two units for each item. The status change does not update the index
    // of customers' orders.
    let index = format!("{}/OrdersToShip", shop.tables.orders);
    let written = units([(&shop.tables.orders, 2), (&shop.tables.inventory, 2), (&index, 1)]);
    assert_eq!((shop.proxy.consumed_units().writes, shop.proxy.consumed_units().reads), (written, units([])));
    assert_eq!(round_trips(&shop), 1);
}

#[tokio::test]
async fn shipping_an_order_writes_one_unit_to_the_table_and_one_to_the_index() {
    let Some(shop) = metered_shop().await else { return };
    let id = place(&shop, SINGLE_LINE).await;
    EventDriver::new(&shop).await.run().await;
    shop.proxy.start_metering();
    let body = r#"{"carrier":"DHL","trackingNumber":"JD014600003RU"}"#;
    let request = ApiRequest::post("/order/{orderId}/ship").path("orderId", &id).json(body);
    assert_eq!(request.send(&shop.order_service()).await.status, 200);
    let (orders, index) = (&shop.tables.orders, format!("{}/OrdersToShip", shop.tables.orders));
    assert_eq!(shop.proxy.consumed_units().writes, units([(orders, 1), (&index, 1)]));
    assert_eq!(round_trips(&shop), 1);
}

#[tokio::test]
async fn a_placed_and_confirmed_order_needs_six_write_units_and_one_of_the_index_of_orders_to_ship() {
    let Some(shop) = metered_shop().await else { return };
    let id = place(&shop, SINGLE_LINE).await;
    EventDriver::new(&shop).await.run().await;
    assert_eq!(shop.order(&id).await.unwrap().status, OrderStatus::Confirmed);
    let (orders, inventory) = (&shop.tables.orders, &shop.tables.inventory);
    let indexes = ["CustomerOrders", "OrdersToShip"].map(|index| format!("{orders}/{index}"));
    let written = units([(orders, 3), (inventory, 2), (&indexes[0], 1), (&indexes[1], 1)]);
    assert_eq!(shop.proxy.consumed_units().writes, written);
}

#[tokio::test]
async fn changing_the_status_needs_one_round_trip_and_one_write_unit() {
    let Some(shop) = metered_shop().await else { return };
    let id = place(&shop, ORDER).await;
    shop.proxy.start_metering();
    let request = ApiRequest::post("/order/{orderId}/cancel").path("orderId", &id);
    assert_eq!(request.send(&shop.order_service()).await.status, 200);
    assert_eq!(shop.proxy.consumed_units().writes, units([(&shop.tables.orders, 1)]));
    assert_eq!(round_trips(&shop), 1);
}
