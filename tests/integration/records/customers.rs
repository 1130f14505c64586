//! `PUT`, `GET` and `DELETE /customers/{customerId}`.

use test_support::{ApiRequest, EventDriver, TestShop};

use super::{ALICE, CUSTOMER, PRODUCT, delete, get, order, put, send};

fn orders_of(customer: &str) -> ApiRequest {
    ApiRequest::get("/customers/{customerId}/orders").path("customerId", customer)
}

#[tokio::test]
async fn creates_replaces_shows_and_erases_a_customer() {
    let shop = TestShop::seeded().await;
    let created = send(&shop, put(CUSTOMER, "carol", ALICE)).await;
    let document = r#"{"customerId":"carol","email":"alice@example.com","name":"Alice Johnson"}"#;
    assert_eq!((created.status, created.body.as_str()), (201, document));
    let shown = send(&shop, get(CUSTOMER, "carol")).await;
    assert_eq!((shown.status, shown.body.as_str()), (200, document));
    assert_eq!(shown.header("etag"), created.header("etag"));

    let replaced = send(&shop, put(CUSTOMER, "carol", &ALICE.replace("Johnson", "Jones"))).await;
    assert_eq!((replaced.status, &replaced.json()["name"]), (200, &"Alice Jones".into()));
    assert_ne!(replaced.header("etag"), created.header("etag"));

    let erased = send(&shop, delete(CUSTOMER, "carol")).await;
    assert_eq!((erased.status, erased.body.as_str()), (204, ""));
    assert!(!shop.snapshot().await.customers.contains_key("carol"));
    for request in [get(CUSTOMER, "carol"), delete(CUSTOMER, "carol")] {
        assert_eq!(send(&shop, request).await.problem(), (404, "not-found".into()));
    }
}

#[tokio::test]
async fn an_item_of_the_seed_data_can_be_shown_and_replaced() {
    let shop = TestShop::seeded().await;
    let shown = send(&shop, get(CUSTOMER, "001")).await;
    assert_eq!(shown.json()["email"], "alice.johnson@example.com");
    assert_eq!(shown.header("etag"), Some("\"0\""));
    let replaced = send(&shop, put(CUSTOMER, "001", ALICE).header("If-Match", "\"0\"")).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
}

#[tokio::test]
async fn a_new_customer_can_order_and_an_erased_customer_cannot() {
    let shop = TestShop::seeded().await;
    assert_eq!(send(&shop, order("carol", "001")).await.status, 422);
    assert_eq!(send(&shop, put(CUSTOMER, "carol", ALICE)).await.status, 201);
    let placed = send(&shop, order("carol", "001")).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    assert_eq!(send(&shop, delete(CUSTOMER, "carol")).await.status, 204);
    assert_eq!(send(&shop, order("carol", "001")).await.status, 422);
}

#[tokio::test]
async fn the_orders_of_an_erased_customer_keep_only_the_id() {
    let shop = TestShop::seeded().await;
    send(&shop, put(CUSTOMER, "carol", ALICE)).await;
    let placed = send(&shop, order("carol", "001")).await.json();
    let id = placed["orderId"].as_str().unwrap();
    assert_eq!(send(&shop, orders_of("carol")).await.status, 200);
    send(&shop, delete(CUSTOMER, "carol")).await;
    let shown = send(&shop, ApiRequest::get("/order/{orderId}").path("orderId", id)).await;
    assert_eq!(shown.json(), placed);
    assert_eq!(send(&shop, orders_of("carol")).await.json()["orders"][0], placed);
    assert_eq!(send(&shop, orders_of("dave")).await.status, 404);
    let items = format!("{:?}", shop.snapshot().await);
    assert!(!items.contains("alice@example.com"), "{items}");
}

#[tokio::test]
async fn an_order_outlives_its_customer_and_product() {
    let shop = TestShop::seeded().await;
    send(&shop, put(CUSTOMER, "carol", ALICE)).await;
    let request = order("carol", "001").header("Idempotency-Key", "key-1");
    let placed = send(&shop, request.clone()).await;
    assert_eq!(placed.status, 201);
    let mut driver = EventDriver::new(&shop).await;
    driver.run().await;
    assert_eq!(shop.stock_of("001").await, 148);
    send(&shop, delete(CUSTOMER, "carol")).await;
    send(&shop, delete(PRODUCT, "001")).await;

    assert_eq!(send(&shop, request).await.body, placed.body, "a repeated request gets its first response");
    let id = placed.json()["orderId"].as_str().unwrap().to_owned();
    let cancel = ApiRequest::post("/order/{orderId}/cancel").path("orderId", &id);
    assert_eq!(send(&shop, cancel).await.status, 200);
    driver.run().await;
    assert_eq!(shop.stock_of("001").await, 150);
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn an_older_customer_with_unusual_data_is_still_shown() {
    let shop = TestShop::seeded().await;
    let item = [
        ("CustomerId", dynamodb::text("old")),
        ("Email", dynamodb::text("no address")),
        ("Name", dynamodb::text(" \u{202e}".repeat(300))),
    ];
    shop.put(&shop.tables.customers, item.map(|(name, value)| (name.to_owned(), value)).into()).await;
    let shown = send(&shop, get(CUSTOMER, "old")).await;
    assert_eq!((shown.status, &shown.json()["email"]), (200, &"no address".into()));
}
