//! The memory of contended products.

use domain::{EventKind, OrderStatus};
use serde_json::json;
use test_support::{AwsError, TestShop, concurrently};

use super::{CONFLICT, calls, contended, deliver_queue, event, placed, queued, received, status, store};

use OrderStatus::{Canceled, Confirmed, Placed, Shipped};

/// Returns a shop with two placed orders of product 001 and one of product 002.
async fn shop_with_orders() -> TestShop {
    let shop = TestShop::seeded().await;
    for (id, product) in [("o1", "001"), ("o2", "001"), ("o3", "002")] {
        store(&shop, id, Placed, product).await;
    }
    shop
}

#[tokio::test]
async fn queues_the_next_events_of_a_contended_product_without_a_try() {
    let shop = shop_with_orders().await;
    store(&shop, "o4", Confirmed, "001").await;
    store(&shop, "o5", Confirmed, "001").await;
    let service = shop.inventory_service();
    shop.proxy.on("TransactWriteItems").fail(contended());
    for event in
        [placed("o1", "001"), placed("o2", "001"), event(EventKind::Canceled, "o4", "001"), received("001")]
    {
        service.handle(event).await.unwrap();
    }
    assert_eq!((calls(&shop), queued(&shop).len()), (json!({"TransactWriteItems": 1}), 4));

    // Neither another product nor a change of the status waits.
    service.handle(placed("o3", "002")).await.unwrap();
    service.handle(event(EventKind::Shipped, "o5", "001")).await.unwrap();
    assert_eq!((status(&shop, "o3").await, status(&shop, "o5").await), (Confirmed, Shipped));
    assert_eq!(queued(&shop).len(), 4);

    deliver_queue(&shop).await;
    assert_eq!(queued(&shop).len(), 0);
    for (id, expected) in [("o1", Confirmed), ("o2", Confirmed), ("o4", Canceled)] {
        assert_eq!(status(&shop, id).await, expected, "{id}");
    }
    // Two reservations, one release and one receipt.
    assert_eq!(shop.stock_of("001").await, 150);
}

#[tokio::test]
async fn remembers_only_the_product_that_was_contended() {
    let shop = TestShop::seeded().await;
    for (id, product) in [("o1", "001"), ("o2", "001"), ("o3", "002")] {
        store(&shop, id, Placed, product).await;
    }
    let service = shop.inventory_service();
    // The seeded order has both products.
    let both = r#"[{"productId":"001","quantity":1},{"productId":"002","quantity":1}]"#;
    let detail = format!(
        r#"{{"detailType":"OrderPlaced","orderId":"001","orderStatus":"OrderPlaced","customerId":"001","items":{both},"totalAmount":1}}"#
    );
    shop.proxy.on("TransactWriteItems").fail(AwsError::transaction_canceled(&["None", "None", CONFLICT]));
    service.handle(test_support::invocation::event("OrderPlaced", &detail)).await.unwrap();
    service.handle(placed("o1", "001")).await.unwrap();
    service.handle(placed("o3", "002")).await.unwrap();
    assert_eq!((status(&shop, "o1").await, status(&shop, "o3").await), (Confirmed, Placed));
    assert_eq!(queued(&shop).len(), 2);
}

#[tokio::test]
async fn remembers_nothing_after_an_outage() {
    let shop = shop_with_orders().await;
    let service = shop.inventory_service();
    shop.proxy.on("TransactWriteItems").fail(AwsError::unavailable());
    service.handle(placed("o1", "001")).await.unwrap();
    service.handle(placed("o2", "001")).await.unwrap();
    assert_eq!((status(&shop, "o1").await, status(&shop, "o2").await), (Placed, Confirmed));
}

#[tokio::test]
async fn tries_an_event_of_a_contended_product_if_the_queue_does_not_accept_it() {
    let shop = shop_with_orders().await;
    let service = shop.inventory_service();
    shop.proxy.on("TransactWriteItems").fail(contended());
    service.handle(placed("o1", "001")).await.unwrap();
    shop.queues.on("SendMessage").always().fail(AwsError::unavailable());
    service.handle(placed("o2", "001")).await.unwrap();
    assert_eq!((status(&shop, "o2").await, queued(&shop).len()), (Confirmed, 1));
}

#[tokio::test]
async fn a_burst_of_orders_for_one_product_is_confirmed_once_each() {
    let shop = TestShop::seeded().await.without_streams().await;
    shop.set_stock("001", 30).await;
    let ids: Vec<_> = (0..40).map(|n| format!("order-{n:02}")).collect();
    for id in &ids {
        store(&shop, id, Placed, "001").await;
    }
    // The first eight transactions conflict, as if they had met each other.
    shop.proxy.on("TransactWriteItems").times(8).fail(contended());
    let service = shop.inventory_service();
    let events = ids.iter().flat_map(|id| [placed(id, "001"), placed(id, "001")]);
    for result in concurrently(events.map(|event| service.handle(event))).await {
        result.unwrap();
    }
    assert!(shop.metrics.sum("EventsQueued") >= 8);
    while !queued(&shop).is_empty() {
        deliver_queue(&shop).await;
    }
    let mut confirmed = 0;
    for id in &ids {
        confirmed += usize::from(status(&shop, id).await == Confirmed);
    }
    assert_eq!((confirmed, shop.stock_of("001").await), (30, 0));
}
