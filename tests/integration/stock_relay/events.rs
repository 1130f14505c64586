//! The events of a batch without failures.

use domain::InventoryEvents;
use serde_json::json;
use test_support::{ApiRequest, BUS_NAME, EventDriver, TestShop};

use super::{Stock, describe, new_events, record, records, relay, relay_selected};

#[tokio::test]
async fn publishes_an_event_in_the_format_of_the_contract() {
    let shop = TestShop::empty().await;
    let before = Stock::new("001", 150);
    assert_eq!(relay(&shop, &[record(1, Some(before), before.then(148))]).await, None);
    let [event] = shop.bus.published().try_into().unwrap();
    assert_eq!(event.entry.event_bus_name.as_deref(), Some(BUS_NAME));
    assert_eq!(event.entry.source.as_deref(), Some("ecommerce.inventory"));
    assert_eq!(event.detail_type(), "InventoryUpdated");
    assert_eq!(event.entry.time, Some(1_735_689_601.0));
    let detail = concat!(
        r#"{"detailType":"InventoryUpdated","productId":"001","quantity":148,"previousQuantity":150,"#,
        r#""revision":2,"metadata":"#
    );
    assert!(event.detail_text().starts_with(detail), "{}", event.detail_text());
    let metadata = &event.detail()["metadata"];
    assert_eq!(metadata["occurredAt"], "2025-01-01T00:00:01.000Z");
    assert_eq!((&metadata["schemaVersion"], &metadata["correlationId"]), (&json!(1), &json!("001")));
}

#[tokio::test]
async fn publishes_what_a_reservation_and_a_release_changed() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    driver.relay_stock().await;
    let revision = shop.stock_level("001").await.revision;
    let order = json!({"customerId": "001", "items": [{"productId": "001", "quantity": 150}]});
    let order = ApiRequest::post("/order").json(order.to_string()).send(&shop.order_service()).await;
    driver.run().await;
    let published = shop.bus.published().len();
    driver.relay_stock().await;
    let events: Vec<_> = shop.bus.published()[published..].iter().map(describe).collect();
    let taken = revision + 1;
    assert_eq!(events, [format!("StockDepleted 001 0 r{taken}"), format!("InventoryUpdated 001 0 r{taken}")]);

    let cancel = ApiRequest::post("/order/{orderId}/cancel");
    let cancel = cancel.path("orderId", order.json()["orderId"].as_str().unwrap());
    assert_eq!(cancel.send(&shop.order_service()).await.status, 200);
    driver.run().await;
    let published = shop.bus.published().len();
    driver.relay_stock().await;
    let events: Vec<_> = shop.bus.published()[published..].iter().map(describe).collect();
    let released = revision + 2;
    assert_eq!(
        events,
        [format!("BackInStock 001 150 r{released}"), format!("InventoryUpdated 001 150 r{released}")]
    );
    assert_eq!((driver.pending_stock_records(), driver.unhandled_messages().len()), (0, 0));
}

#[tokio::test]
async fn coalesces_the_changes_of_each_product_into_one_update() {
    let shop = TestShop::empty().await;
    let (one, two) = (Stock::new("001", 50), Stock::new("002", 60));
    let states =
        [one, two, one.then(49), two.then(58), one.then(49).then(47), one.then(49).then(47).then(44)];
    assert_eq!(relay(&shop, &records(&states)).await, None);
    let mut events = shop.bus.published();
    events.sort_by_key(|event| event.detail()["productId"].to_string());
    let described: Vec<_> = events.iter().map(describe).collect();
    assert_eq!(described, ["InventoryUpdated 001 44 r4", "InventoryUpdated 002 58 r2"]);
    assert_eq!(events[0].detail()["previousQuantity"], 50);
    assert_eq!(events[0].detail()["metadata"]["occurredAt"], "2025-01-01T00:00:04.000Z", "the last change");
}

#[tokio::test]
async fn publishes_one_update_for_a_thousand_reservations_in_one_call() {
    let shop = TestShop::empty().await;
    let mut states = vec![Stock::new("001", 2000)];
    for _ in 0..1000 {
        let last = states[states.len() - 1];
        states.push(last.then(last.quantity - 1));
    }
    assert_eq!(relay(&shop, &records(&states)).await, None);
    assert_eq!(new_events(&shop), ["InventoryUpdated 001 1000 r1001"]);
    assert_eq!(shop.bus.calls().len(), 1);
}

#[tokio::test]
async fn publishes_every_crossed_level_before_the_update() {
    let shop = TestShop::empty().await;
    let start = Stock { reorder_point: Some(5), ..Stock::new("001", 8) };
    let mut states = vec![start];
    for quantity in [6, 4, 3, 0, 2, 9, 5] {
        states.push(states[states.len() - 1].then(quantity));
    }
    assert_eq!(relay(&shop, &records(&states)).await, None);
    let expected = [
        "StockLow 001 4 r3",
        "StockDepleted 001 0 r5",
        "BackInStock 001 2 r6",
        "StockLow 001 5 r8",
        "InventoryUpdated 001 5 r8",
    ];
    assert_eq!(new_events(&shop), expected);
    assert_eq!(shop.bus.published()[0].detail()["reorderPoint"], 5);
}

#[tokio::test]
async fn a_new_reorder_point_updates_no_quantity() {
    let shop = TestShop::empty().await;
    let stock = Stock::new("001", 8);
    let (above, below) = (stock.then_reorder_at(20), stock.then_reorder_at(3));
    assert_eq!(relay(&shop, &[record(1, Some(stock), below)]).await, None);
    assert_eq!(new_events(&shop), [""; 0]);
    assert_eq!(relay(&shop, &[record(2, Some(stock), above)]).await, None);
    assert_eq!(new_events(&shop), ["StockLow 001 8 r2"]);
}

#[tokio::test]
async fn a_new_item_has_no_previous_quantity() {
    let shop = TestShop::empty().await;
    assert_eq!(relay(&shop, &[record(1, None, Stock::new("001", 8))]).await, None);
    assert_eq!(new_events(&shop), ["BackInStock 001 8 r1", "InventoryUpdated 001 8 r1"]);
    assert_eq!(shop.bus.published()[1].detail().get("previousQuantity"), None);
}

#[tokio::test]
async fn publishes_only_the_selected_events() {
    let stock = Stock { reorder_point: Some(5), ..Stock::new("001", 8) };
    let states = [stock, stock.then(4), stock.then(4).then(0), stock.then(4).then(0).then(1)];
    let levels = ["StockLow 001 4 r2", "StockDepleted 001 0 r3", "BackInStock 001 1 r4"];
    for (selection, expected) in [(InventoryEvents::Thresholds, &levels[..]), (InventoryEvents::None, &[])] {
        let shop = TestShop::empty().await;
        assert_eq!(relay_selected(&shop, selection, &records(&states)).await, None);
        assert_eq!(new_events(&shop), expected, "{selection:?}");
    }
}
