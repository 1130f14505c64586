//! The revision of a stock item: each change of the item increments it.

use domain::{EventKind, OrderStatus};
use test_support::{TestShop, invocation};

use crate::stock_conservation::event;

async fn revision(shop: &TestShop, product: &str) -> u64 {
    shop.stock_level(product).await.revision
}

async fn status(shop: &TestShop, order: &str) -> OrderStatus {
    shop.order(order).await.unwrap().status
}

#[tokio::test]
async fn a_reservation_and_a_release_increment_the_revision_of_each_product() {
    let shop = TestShop::seeded().await;
    let before = (revision(&shop, "001").await, revision(&shop, "002").await);
    shop.inventory_service().handle(event(EventKind::Placed, "001")).await.unwrap();
    assert_eq!(status(&shop, "001").await, OrderStatus::Confirmed);
    assert_eq!(revision(&shop, "001").await, before.0 + 1);
    shop.inventory_service().handle(event(EventKind::Canceled, "001")).await.unwrap();
    assert_eq!(status(&shop, "001").await, OrderStatus::Canceled);
    assert_eq!(revision(&shop, "001").await, before.0 + 2);
    assert_eq!(revision(&shop, "002").await, before.1 + 2);
}

#[tokio::test]
async fn a_reservation_of_many_orders_increments_the_revision_once() {
    let shop = TestShop::seeded().await;
    let before = revision(&shop, "001").await;
    let orders = ["o1", "o2", "o3"];
    let batch = orders.map(|order| event(EventKind::Placed, order));
    shop.inventory_service().handle(invocation::queue(&batch)).await.unwrap();
    for order in orders {
        assert_eq!(status(&shop, order).await, OrderStatus::Confirmed);
    }
    assert_eq!(revision(&shop, "001").await, before + 1);
}

#[tokio::test]
async fn a_shortage_and_a_duplicate_change_no_revision() {
    let shop = TestShop::seeded().await;
    shop.inventory_service().handle(event(EventKind::Placed, "001")).await.unwrap();
    shop.set_stock("001", 0).await;
    let before = revision(&shop, "001").await;
    shop.inventory_service().handle(event(EventKind::Placed, "001")).await.unwrap();
    shop.inventory_service().handle(event(EventKind::Placed, "o2")).await.unwrap();
    assert_eq!(status(&shop, "o2").await, OrderStatus::Rejected);
    assert_eq!(revision(&shop, "001").await, before);
}
