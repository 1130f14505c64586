//! Items that do not have the expected layout: a list shows the other ones, and the item is reported.

use domain::{Order, OrderStatus};
use dynamodb::text;
use serde_json::Value;
use test_support::{ApiRequest, Function, TestShop};

/// Stores two orders of customer 002, the first of which is unreadable.
async fn store_orders(shop: &TestShop, status: OrderStatus) {
    for (id, time) in [("bad", "2025-01-01T00:00:00Z"), ("good", "2025-01-02T00:00:00Z")] {
        let order = Order {
            id: id.parse().unwrap(),
            customer_id: "002".parse().unwrap(),
            created_at: time.parse().unwrap(),
            status,
            ..shop.order("001").await.unwrap()
        };
        let stored = match status {
            OrderStatus::Confirmed => {
                let kind = domain::EventKind::Confirmed;
                let event =
                    domain::OutboxEvent::new(&order.id, kind, order.created_at, "c-1".parse().unwrap());
                dynamodb::StoredOrder::confirmed(order, event)
            }
            _ => order.into(),
        };
        shop.put_stored_order(&stored).await;
    }
    let mut item = shop.order_item("bad").await.unwrap();
    item.insert("TotalAmount".to_owned(), text("much"));
    shop.put(&shop.tables.orders, item).await;
}

/// Sends a request for a list, and asserts that it shows only the readable entries and counts one
/// unreadable one.
async fn assert_leaves_out(shop: &TestShop, function: &impl Function, list: ApiRequest, ids: &[&str]) {
    shop.metrics.reset();
    let response = list.send(function).await;
    assert_eq!(response.status, 200, "{}", response.body);
    let body = response.json();
    let entries = body.as_object().unwrap().values().find_map(Value::as_array).unwrap();
    let id = |entry: &Value| {
        let id = ["adjustmentId", "orderId", "productId"].iter().find_map(|name| entry[name].as_str());
        id.unwrap().to_owned()
    };
    assert_eq!(entries.iter().map(id).collect::<Vec<_>>(), ids);
    assert_eq!(shop.metrics.sum("ItemsUnreadable"), 1);
}

#[tokio::test]
async fn a_list_of_orders_leaves_out_an_unreadable_one() {
    let shop = TestShop::seeded().await;
    store_orders(&shop, OrderStatus::Confirmed).await;
    let service = shop.order_service();
    let of_customer = ApiRequest::get("/customers/{customerId}/orders").path("customerId", "002");
    assert_leaves_out(&shop, &service, of_customer, &["good"]).await;
    let to_ship = ApiRequest::get("/orders").query("status", "Confirmed");
    assert_leaves_out(&shop, &service, to_ship, &["good"]).await;
    let show = ApiRequest::get("/order/{orderId}").path("orderId", "bad").send(&service).await;
    assert_eq!(show.problem(), (500, "internal".to_owned()));
}

#[tokio::test]
async fn the_catalog_leaves_out_an_unreadable_product() {
    let shop = TestShop::seeded().await;
    let mut product = shop.snapshot().await.products["001"].clone();
    product.insert("Price".to_owned(), text("79.99"));
    shop.put(&shop.tables.products, product).await;
    assert_leaves_out(&shop, &shop.order_service(), ApiRequest::get("/products"), &["002"]).await;
}

#[tokio::test]
async fn the_lists_of_stock_leave_out_an_unreadable_item() {
    let shop = TestShop::seeded().await;
    let service = shop.inventory_service();
    let adjust = ApiRequest::post("/inventory/{productId}/adjustments").path("productId", "001");
    let adjust = adjust.header("Idempotency-Key", "k1").json(r#"{"delta":1,"reason":"counted"}"#);
    let adjusted = adjust.send(&service).await.json()["adjustmentId"].as_str().unwrap().to_owned();
    let inventory = shop.snapshot().await.inventory;
    for (key, attribute) in [("001", "Quantity"), ("001#opening-001", "Delta")] {
        let mut item = inventory[key].clone();
        item.insert(attribute.to_owned(), text("many"));
        shop.put(&shop.tables.inventory, item).await;
    }
    assert_leaves_out(&shop, &service, ApiRequest::get("/inventory"), &["002"]).await;
    let ledger = ApiRequest::get("/inventory/{productId}/adjustments").path("productId", "002");
    assert_eq!(ledger.send(&service).await.status, 200);
    shop.put(&shop.tables.inventory, inventory["001"].clone()).await;
    let ledger = ApiRequest::get("/inventory/{productId}/adjustments").path("productId", "001");
    assert_leaves_out(&shop, &service, ledger, &[&adjusted]).await;
}
