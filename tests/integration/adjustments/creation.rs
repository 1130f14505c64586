//! The effect of an adjustment on the stock and the ledger.

use domain::AdjustmentReason;
use serde_json::json;
use test_support::{ApiRequest, TestShop};

use super::{ADJUSTMENT, add_product, adjust, counted, send};

#[tokio::test]
async fn adds_and_removes_units_and_records_each_adjustment() {
    let shop = TestShop::seeded().await;
    let received = adjust("001", "k1", r#"{"delta":10,"reason":"received"}"#);
    let damaged = adjust("001", "k2", r#"{"delta":-3,"reason":"damaged","note":"Fell from a pallet"}"#);
    for (request, stock) in [(received, 160), (damaged, 157)] {
        assert_eq!(send(&shop, request).await.status, 201);
        assert_eq!(shop.stock_of("001").await, stock);
        shop.assert_ledger_invariant().await;
    }
    let ledger = shop.ledger_of("001").await;
    let entries: Vec<_> = ledger.iter().map(|entry| (entry.delta.get(), entry.reason)).collect();
    assert_eq!(
        entries,
        [(150, AdjustmentReason::Counted), (10, AdjustmentReason::Received), (-3, AdjustmentReason::Damaged)]
    );
    assert_eq!(shop.stock_level("001").await.revision, 3);
    assert_eq!(shop.metrics.sum("StockAdjustments"), 2);
}

#[tokio::test]
async fn returns_the_adjustment_and_its_location() {
    let shop = TestShop::seeded().await;
    let body = r#"{"delta":-3,"reason":"lost","note":"Aisle 7"}"#;
    let response = send(&shop, adjust("001", "k1", body)).await;
    assert_eq!(response.status, 201);
    let document = response.json();
    let id = document["adjustmentId"].as_str().unwrap();
    assert_eq!(
        document,
        json!({"adjustmentId": id, "productId": "001", "delta": -3, "reason": "lost", "note": "Aisle 7",
            "createdAt": document["createdAt"]})
    );
    // The location leads to the adjustment.
    let location = response.header("location").unwrap();
    assert_eq!(location, format!("/Prod/inventory/001/adjustments/{id}"));
    let parts: Vec<_> = location.split('/').collect();
    let show = ApiRequest::get(ADJUSTMENT).path("productId", parts[3]).path("adjustmentId", parts[5]);
    let shown = send(&shop, show).await;
    assert_eq!((shown.status, shown.body), (200, response.body));
}

#[tokio::test]
async fn stock_never_falls_below_zero() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let response = send(&shop, adjust("001", "k1", &counted(-151))).await;
    assert_eq!(response.problem(), (409, "insufficient-stock".into()));
    assert_eq!(shop.snapshot().await, before);
    assert_eq!(shop.metrics.sum("StockAdjustments"), 0);
    // Nothing was recorded under the key, so it can be used again.
    assert_eq!(send(&shop, adjust("001", "k1", &counted(-150))).await.status, 201);
    assert_eq!(shop.stock_of("001").await, 0);
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn the_first_addition_creates_the_stock_of_a_product() {
    let shop = TestShop::seeded().await;
    add_product(&shop, "003").await;
    let removal = send(&shop, adjust("003", "k1", &counted(-1))).await;
    assert_eq!(removal.problem(), (409, "insufficient-stock".into()));
    assert_eq!(send(&shop, adjust("003", "k2", &counted(7))).await.status, 201);
    let stock = shop.stock_level("003").await;
    assert_eq!((stock.quantity, stock.revision), (7, 1));
    assert_eq!(send(&shop, adjust("003", "k3", &counted(5))).await.status, 201);
    assert_eq!(shop.stock_of("003").await, 12);
    shop.assert_ledger_invariant().await;

    let list = send(&shop, ApiRequest::get("/inventory")).await.json();
    let products: Vec<_> =
        list["inventory"].as_array().unwrap().iter().map(|one| &one["productId"]).collect();
    assert_eq!(products, ["001", "002", "003"]);
}

#[tokio::test]
async fn a_product_in_stock_need_not_be_in_the_catalog() {
    let shop = TestShop::seeded().await;
    shop.delete(&shop.tables.products, "ProductId", "001").await;
    for (key, delta) in [("k1", 1), ("k2", -1)] {
        assert_eq!(send(&shop, adjust("001", key, &counted(delta))).await.status, 201);
    }
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn returns_not_found_for_an_unknown_product() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for product in ["404", "invalid id", "001#opening-001"] {
        for delta in [1, -1] {
            let response = send(&shop, adjust(product, "k1", &counted(delta))).await;
            assert_eq!(response.problem(), (404, "not-found".into()), "{product} {delta}");
        }
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn completes_the_list_entry_of_an_older_stock_item() {
    let shop = TestShop::seeded().await;
    let mut item = shop.snapshot().await.inventory["001"].clone();
    item.retain(|name, _| ["ProductId", "Quantity"].contains(&name.as_str()));
    shop.put(&shop.tables.inventory, item).await;
    assert_eq!(send(&shop, adjust("001", "k1", &counted(1))).await.status, 201);
    let list = send(&shop, ApiRequest::get("/inventory")).await.json();
    assert_eq!(list["inventory"][0], json!({"productId": "001", "quantity": 151}));
    assert_eq!(shop.stock_level("001").await.revision, 1);
}
