//! The round trips and request units of adjustments and lists.

use std::collections::BTreeMap;

use serde_json::json;
use test_support::{ApiRequest, RequestUnits, TestShop};

use super::{ADJUSTMENTS, adjust, adjust_001, counted, send};

/// Returns the units and the calls of a request.
async fn measure(shop: &TestShop, request: ApiRequest) -> (RequestUnits, BTreeMap<String, usize>) {
    shop.proxy.start_metering();
    let response = send(shop, request).await;
    assert!(response.status < 300, "{response:?}");
    let measured = (shop.proxy.consumed_units(), shop.proxy.calls_by_operation());
    shop.proxy.reset();
    measured
}

#[tokio::test]
async fn an_adjustment_needs_one_round_trip() {
    let shop = TestShop::seeded().await;
    adjust_001(&shop, "k1", 1).await;
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"TransactWriteItems": 1}));
    shop.proxy.reset();
    adjust_001(&shop, "k1", 1).await;
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"TransactWriteItems": 1}));
}

#[tokio::test]
async fn an_adjustment_writes_the_stock_item_and_one_listed_ledger_entry() {
    if !test_support::engine_counts_units() {
        return;
    }
    let shop = TestShop::seeded().await;
    let (units, _) = measure(&shop, adjust("001", "k1", &counted(1))).await;
    // A transaction consumes two units for each item. Only the ledger entry is new in the index.
    let (table, index) = (&shop.tables.inventory, format!("{}/InventoryLists", shop.tables.inventory));
    assert_eq!(units.writes[table], 4);
    assert_eq!(units.writes[&index], 1);
}

#[tokio::test]
async fn a_page_of_stock_costs_the_same_with_a_long_ledger() {
    if !test_support::engine_counts_units() {
        return;
    }
    let shop = TestShop::seeded().await;
    let page = || ApiRequest::get("/inventory").query("limit", "2");
    let before = measure(&shop, page()).await;
    for n in 0..100 {
        adjust_001(&shop, &format!("k{n}"), 1).await;
    }
    assert_eq!(measure(&shop, page()).await, before);
    let entries = || ApiRequest::get(ADJUSTMENTS).path("productId", "001").query("limit", "5");
    let (units, calls) = measure(&shop, entries()).await;
    for n in 100..200 {
        adjust_001(&shop, &format!("k{n}"), 1).await;
    }
    assert_eq!(measure(&shop, entries()).await, (units, calls));
}
