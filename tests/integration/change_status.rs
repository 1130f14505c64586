//! The routes that cancel, ship and deliver an order.

use domain::{EventKind, Order, OrderStatus};
use dynamodb::StoredOrder;
use serde_json::json;
use test_support::{ApiRequest, AwsError, TestShop};

fn post(action: &str, id: &str) -> ApiRequest {
    ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id)
}

/// Stores a changed copy of the seeded order.
async fn store(shop: &TestShop, change: impl FnOnce(&mut Order)) {
    let mut order = shop.order("001").await.unwrap();
    change(&mut order);
    shop.put_order(&order).await;
}

#[tokio::test]
async fn changes_the_status_and_the_outbox_in_one_conditional_write() {
    let cases = [
        ("cancel", OrderStatus::Placed, OrderStatus::Canceled, EventKind::Canceled),
        ("cancel", OrderStatus::Confirmed, OrderStatus::Canceled, EventKind::Canceled),
        ("ship", OrderStatus::Confirmed, OrderStatus::Shipped, EventKind::Shipped),
        ("deliver", OrderStatus::Shipped, OrderStatus::Delivered, EventKind::Delivered),
    ];
    for (action, from, to, event) in cases {
        let shop = TestShop::seeded().await;
        store(&shop, |order| (order.status, order.stock_reserved) = (from, true)).await;
        let response =
            post(action, "001").header("X-Correlation-Id", "c-1").send(&shop.order_service()).await;
        assert_eq!(response.status, 200, "{action}: {response:?}");
        assert_eq!(response.json()["orderStatus"], to.as_str());
        assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"UpdateItem": 1}));
        let StoredOrder { order, outbox, .. } = shop.stored_order("001").await.unwrap();
        let outbox = outbox.unwrap();
        assert_eq!((order.status, outbox.kind, outbox.correlation_id.as_str()), (to, event, "c-1"));
        assert_eq!(order.updated_at, outbox.time);
        assert!(order.stock_reserved, "the event releases the stock later");
    }
}

#[tokio::test]
async fn rejects_a_forbidden_transition_and_changes_nothing() {
    use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};
    let cases = [
        ("cancel", vec![Shipped, Delivered, Rejected]),
        ("ship", vec![Placed, Delivered, Rejected, Canceled]),
        ("deliver", vec![Placed, Confirmed, Rejected, Canceled]),
    ];
    let shop = TestShop::seeded().await;
    for (action, statuses) in cases {
        for status in statuses {
            store(&shop, |order| order.status = status).await;
            let before = shop.snapshot().await;
            let response = post(action, "001").send(&shop.order_service()).await;
            assert_eq!(response.problem(), (409, "illegal-change".into()), "{action} {status}");
            assert!(response.body.contains(status.as_str()), "{}", response.body);
            assert_eq!(shop.snapshot().await, before);
        }
    }
}

#[tokio::test]
async fn applies_a_repeated_change_once() {
    for (action, from) in [
        ("cancel", OrderStatus::Confirmed),
        ("ship", OrderStatus::Confirmed),
        ("deliver", OrderStatus::Shipped),
    ] {
        let shop = TestShop::seeded().await;
        store(&shop, |order| order.status = from).await;
        let first = post(action, "001").send(&shop.order_service()).await;
        let stored = shop.snapshot().await;
        let second = post(action, "001").send(&shop.order_service()).await;
        assert_eq!((second.status, &second.body), (200, &first.body));
        assert_eq!(shop.snapshot().await, stored);
    }
}

#[tokio::test]
async fn succeeds_when_the_response_to_the_write_is_lost() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("UpdateItem").drop_response();
    let response = post("cancel", "001").send(&shop.order_service()).await;
    assert_eq!((response.status, response.json()["orderStatus"].as_str()), (200, Some("Canceled")));
    assert_eq!(shop.proxy.calls("UpdateItem"), 2);
}

#[tokio::test]
async fn retries_conflicts_and_reports_busy_when_they_persist() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("UpdateItem").times(2).fail(AwsError::transaction_conflict());
    assert_eq!(post("cancel", "001").send(&shop.order_service()).await.status, 200);
    shop.proxy.on("UpdateItem").always().fail(AwsError::transaction_conflict());
    assert_eq!(post("cancel", "001").send(&shop.order_service()).await.problem(), (503, "busy".into()));
}

#[tokio::test]
async fn returns_not_found_for_an_unknown_order() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for action in ["cancel", "ship", "deliver"] {
        for unknown in ["404", "invalid id"] {
            assert_eq!(
                post(action, unknown).send(&shop.order_service()).await.problem(),
                (404, "not-found".into())
            );
        }
    }
    assert_eq!(shop.snapshot().await, before);
}
