//! `PUT` and `DELETE /products/{productId}`.

use test_support::{ApiRequest, TestShop};

use super::{LAMP, PRODUCT, delete, get, order, put, send};

fn list() -> ApiRequest {
    ApiRequest::get("/products")
}

#[tokio::test]
async fn creates_replaces_and_removes_a_product() {
    let shop = TestShop::seeded().await;
    let created = send(&shop, put(PRODUCT, "lamp", LAMP)).await;
    let document = r#"{"productId":"lamp","name":"Desk Lamp","price":24.50}"#;
    assert_eq!((created.status, created.body.as_str()), (201, document));
    assert!(send(&shop, list()).await.body.contains(document));
    let shown = send(&shop, get(PRODUCT, "lamp")).await;
    assert_eq!((shown.body.as_str(), shown.header("etag")), (document, created.header("etag")));

    let replaced = send(&shop, put(PRODUCT, "lamp", &LAMP.replace("24.50", "19.99"))).await;
    assert_eq!((replaced.status, &replaced.json()["price"]), (200, &serde_json::json!(19.99)));
    assert_eq!(send(&shop, delete(PRODUCT, "lamp")).await.status, 204);
    assert!(!send(&shop, list()).await.body.contains("lamp"));
    for request in [get(PRODUCT, "lamp"), delete(PRODUCT, "lamp")] {
        assert_eq!(send(&shop, request).await.problem(), (404, "not-found".into()));
    }
}

#[tokio::test]
async fn orders_keep_the_price_that_they_were_placed_at() {
    let shop = TestShop::seeded().await;
    send(&shop, put(PRODUCT, "lamp", LAMP)).await;
    let placed = send(&shop, order("001", "lamp")).await;
    assert!(placed.body.contains(r#""unitPrice":24.50}],"totalAmount":49.00"#), "{}", placed.body);
    let id = placed.json()["orderId"].as_str().unwrap().to_owned();
    let show = || ApiRequest::get("/order/{orderId}").path("orderId", &id);
    send(&shop, put(PRODUCT, "lamp", &LAMP.replace("24.50", "99"))).await;
    assert_eq!(send(&shop, show()).await.body, placed.body);
    send(&shop, delete(PRODUCT, "lamp")).await;
    assert_eq!(send(&shop, show()).await.body, placed.body);
    assert_eq!(send(&shop, order("001", "lamp")).await.status, 422);
}

#[tokio::test]
async fn removing_a_product_keeps_its_stock() {
    let shop = TestShop::seeded().await;
    assert_eq!(send(&shop, delete(PRODUCT, "001")).await.status, 204);
    assert_eq!(shop.stock_of("001").await, 150);
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn an_older_product_with_an_unusual_name_is_still_shown() {
    let shop = TestShop::seeded().await;
    let item = [
        ("ProductId", dynamodb::text("old")),
        ("Name", dynamodb::text(" \u{202e}".repeat(300))),
        ("Price", dynamodb::number("0")),
    ];
    let item = item.map(|(name, value)| (name.to_owned(), value)).into();
    shop.put(&shop.tables.products, item).await;
    assert_eq!(send(&shop, get(PRODUCT, "old")).await.status, 200);
    assert_eq!(send(&shop, list()).await.status, 200);
}
