//! OrderPlaced: stock is reserved once, for all lines of the order or for none.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{EventKind, Order, OrderStatus};
use dynamodb::StoredOrder;
use lambda::InvocationError;
use serde_json::json;
use test_support::{ApiRequest, AwsError, Invocation, TestShop, concurrently, drain_queue, invocation};

const CONFLICT: &str = "TransactionConflict";

/// Stores orders of one unit of product 001 and one unit of product 002.
async fn store_orders(shop: &TestShop, count: usize) -> Vec<Order> {
    let mut orders = Vec::new();
    for n in 0..count {
        let order =
            Order { id: format!("order-{n:03}").parse().unwrap(), ..shop.order("001").await.unwrap() };
        shop.put_order(&order).await;
        orders.push(order);
    }
    orders
}

fn placed(id: &str) -> Invocation {
    placed_with(id, r#"[{"productId":"001","quantity":1},{"productId":"002","quantity":1}]"#)
}

fn placed_with(id: &str, items: &str) -> Invocation {
    let detail = format!(
        r#"{{"detailType":"OrderPlaced","orderId":"{id}","orderStatus":"OrderPlaced","customerId":"001","items":{items},"totalAmount":279.98}}"#
    );
    invocation::event("OrderPlaced", &detail)
}

async fn apply(shop: &TestShop, event: Invocation) -> Result<(), InvocationError> {
    shop.inventory_service().handle(event).await.map(drop)
}

/// Returns a shop whose queue accepts no message.
async fn shop_without_queue() -> TestShop {
    let shop = TestShop::seeded().await;
    shop.queues.on("SendMessage").always().fail(AwsError::unavailable());
    shop
}

async fn stock(shop: &TestShop) -> (u64, u64) {
    (shop.stock_of("001").await, shop.stock_of("002").await)
}

#[tokio::test]
async fn confirms_an_order_and_reserves_its_stock_in_one_round_trip() {
    let shop = TestShop::seeded().await;
    apply(&shop, placed("001")).await.unwrap();
    let StoredOrder { order, outbox, .. } = shop.stored_order("001").await.unwrap();
    assert_eq!((order.status, order.stock_reserved), (OrderStatus::Confirmed, true));
    assert_eq!(outbox.unwrap().kind, EventKind::Confirmed);
    assert_eq!(stock(&shop).await, (149, 199));
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"TransactWriteItems": 1}));
}

#[tokio::test]
async fn confirms_ten_of_a_hundred_concurrent_orders_for_ten_units() {
    let shop = TestShop::seeded().await.without_streams().await;
    shop.set_stock("001", 10).await;
    let orders = store_orders(&shop, 100).await;
    let service = shop.inventory_service();
    let events = orders.iter().map(|order| service.handle(placed(order.id.as_str())));
    for outcome in concurrently(events).await {
        outcome.unwrap();
    }
    drain_queue(&shop, &service).await;
    let mut statuses = BTreeMap::new();
    for order in shop.orders().await.iter().filter(|order| order.id.as_str() != "001") {
        *statuses.entry(order.status.as_str()).or_insert(0) += 1;
        assert_eq!(order.stock_reserved, order.status == OrderStatus::Confirmed);
    }
    assert_eq!(statuses, [("Confirmed", 10), ("Rejected", 90)].into());
    assert_eq!(stock(&shop).await, (0, 190));
}

#[tokio::test]
async fn ignores_a_duplicate_event() {
    let shop = TestShop::seeded().await;
    apply(&shop, placed("001")).await.unwrap();
    let after_first = shop.snapshot().await;
    for _ in 0..3 {
        apply(&shop, placed("001")).await.unwrap();
    }
    assert_eq!(shop.snapshot().await, after_first);
}

#[tokio::test]
async fn reserves_once_for_concurrent_duplicates() {
    let shop = TestShop::seeded().await;
    let service = shop.inventory_service();
    let events = (0..20).map(|_| service.handle(placed("001")));
    for outcome in concurrently(events).await {
        outcome.unwrap();
    }
    assert_eq!(stock(&shop).await, (149, 199));
}

#[tokio::test]
async fn ignores_an_event_of_an_order_that_is_no_longer_placed() {
    use OrderStatus::{Canceled, Delivered, Rejected, Shipped};
    for status in [Shipped, Delivered, Rejected, Canceled] {
        let shop = TestShop::seeded().await;
        shop.put_order(&Order { status, ..shop.order("001").await.unwrap() }).await;
        let before = shop.snapshot().await;
        apply(&shop, placed("001")).await.unwrap();
        assert_eq!(shop.snapshot().await, before, "{status}");
    }
}

#[tokio::test]
async fn rejects_an_order_with_its_shortages_and_reserves_nothing() {
    let shop = TestShop::seeded().await;
    shop.set_stock("002", 0).await;
    apply(&shop, placed("001")).await.unwrap();
    let StoredOrder { order, outbox, .. } = shop.stored_order("001").await.unwrap();
    assert_eq!((order.status, order.stock_reserved), (OrderStatus::Rejected, false));
    assert_eq!(
        serde_json::to_string(&order.shortages).unwrap(),
        r#"[{"productId":"002","requested":1,"available":0}]"#
    );
    assert_eq!(outbox.unwrap().kind, EventKind::Rejected);
    assert_eq!(stock(&shop).await, (150, 0));
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"TransactWriteItems": 1, "UpdateItem": 1}));

    shop.set_stock("002", 5).await;
    let restocked = shop.snapshot().await;
    apply(&shop, placed("001")).await.unwrap();
    assert_eq!(shop.snapshot().await, restocked, "a rejection is final");
}

#[tokio::test]
async fn rejects_an_order_of_a_product_without_a_stock_item() {
    let shop = TestShop::seeded().await;
    shop.delete(&shop.tables.inventory, "ProductId", "002").await;
    apply(&shop, placed("001")).await.unwrap();
    assert_eq!(shop.order("001").await.unwrap().status, OrderStatus::Rejected);
    assert_eq!(shop.stock_of("001").await, 150);
}

#[tokio::test]
async fn fails_instead_of_rejecting_an_order_if_a_quantity_is_stored_as_text() {
    let shop = TestShop::seeded().await;
    let mut item = shop.snapshot().await.inventory["001"].clone();
    item.insert("Quantity".to_owned(), dynamodb::text("150"));
    shop.put(&shop.tables.inventory, item).await;
    let before = shop.snapshot().await;
    let error = apply(&shop, placed("001")).await.unwrap_err();
    assert_eq!(error.error_type, inventory_service::INTERNAL);
    assert_eq!(shop.snapshot().await, before);
    let response = ApiRequest::get("/inventory/{productId}").path("productId", "001");
    assert_eq!(
        response.send(&shop.inventory_service()).await.status,
        500,
        "the API reports the defect as well"
    );
}

#[tokio::test]
async fn does_not_reject_an_order_whose_lines_change_meanwhile() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    let gate = shop.proxy.on("UpdateItem").hold_request();
    let reserve = apply(&shop, placed("001"));
    let edit = async {
        gate.reached().await;
        let mut order = shop.order("001").await.unwrap();
        order.items.remove(0);
        shop.put_order(&order).await;
        gate.open();
    };
    tokio::join!(reserve, edit).0.unwrap();
    assert_eq!(shop.order("001").await.unwrap().status, OrderStatus::Confirmed);
    assert_eq!(stock(&shop).await, (0, 199));
}

#[tokio::test]
async fn creates_an_order_of_another_producer_with_its_reservation() {
    let shop = TestShop::seeded().await;
    apply(&shop, placed("new-1")).await.unwrap();
    let order = shop.order("new-1").await.unwrap();
    assert_eq!((order.status, order.stock_reserved), (OrderStatus::Confirmed, true));
    assert_eq!(
        (order.customer_id.as_str(), order.total_amount.unwrap().to_string().as_str()),
        ("001", "279.98")
    );
    assert_eq!(stock(&shop).await, (149, 199));
    apply(&shop, placed("new-1")).await.unwrap();
    assert_eq!(stock(&shop).await, (149, 199));
}

#[tokio::test]
async fn creates_a_rejected_order_of_another_producer_when_stock_is_short() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    apply(&shop, placed("new-1")).await.unwrap();
    let StoredOrder { order, outbox, .. } = shop.stored_order("new-1").await.unwrap();
    assert_eq!(
        (order.status, order.shortages.len(), order.stock_reserved),
        (OrderStatus::Rejected, 1, false)
    );
    assert_eq!(outbox.unwrap().kind, EventKind::Rejected);
    assert_eq!(stock(&shop).await, (0, 200));
}

#[tokio::test]
async fn reserves_the_lines_of_the_stored_order() {
    let items_of_event = [
        r#"[{"productId":"001","quantity":100}]"#,
        r#"[{"productId":"001","quantity":1}]"#,
        r#"[{"productId":"002","quantity":1},{"productId":"001","quantity":1}]"#,
        r#"[{"productId":"001","quantity":1},{"productId":"002","quantity":1},{"productId":"003","quantity":1}]"#,
        r#"[{"productId":"001","quantity":1},{"productId":"002","quantity":1000}]"#,
    ];
    for items in items_of_event {
        let shop = TestShop::seeded().await;
        apply(&shop, placed_with("001", items)).await.unwrap();
        assert_eq!(stock(&shop).await, (149, 199), "{items}");
        let order = shop.order("001").await.unwrap();
        assert_eq!((order.status, order.items.len()), (OrderStatus::Confirmed, 2));
    }
}

#[tokio::test]
async fn reserves_fifty_lines_in_one_transaction() {
    let shop = TestShop::seeded().await;
    let mut order = shop.order("001").await.unwrap();
    let line = order.items[0].clone();
    order.items = (0..50)
        .map(|n| {
            let mut item = line.clone();
            item.line.product_id = format!("{n:064}").parse().unwrap();
            item.line.quantity = domain::Quantity::new(1000).unwrap();
            item
        })
        .collect();
    order.id = "large".parse().unwrap();
    shop.put_order(&order).await;
    for line in order.lines() {
        shop.set_stock(line.product_id.as_str(), 1000).await;
    }
    let items = serde_json::to_string(&order.lines().collect::<Vec<_>>()).unwrap();
    apply(&shop, placed_with("large", &items)).await.unwrap();
    assert_eq!(shop.order("large").await.unwrap().status, OrderStatus::Confirmed);
    for line in order.lines() {
        assert_eq!(shop.stock_of(line.product_id.as_str()).await, 0);
    }
    assert_eq!(shop.proxy.calls("TransactWriteItems"), 1);
}

#[tokio::test]
async fn retries_conflicts_and_throttling_of_a_transaction_without_the_queue() {
    let shop = shop_without_queue().await;
    let canceled = |reasons: &[&str]| AwsError::transaction_canceled(reasons);
    shop.proxy.on("TransactWriteItems").times(3).fail(canceled(&["None", CONFLICT, "None"]));
    shop.proxy.on("TransactWriteItems").fail(canceled(&[CONFLICT, "None", "ThrottlingError"]));
    shop.proxy.on("TransactWriteItems").fail(canceled(&["None", "ProvisionedThroughputExceeded", "None"]));
    apply(&shop, placed("001")).await.unwrap();
    assert_eq!(shop.proxy.calls("TransactWriteItems"), 6);
    assert_eq!(stock(&shop).await, (149, 199));
}

#[tokio::test]
async fn does_not_reject_an_order_for_the_lines_of_its_event_after_a_conflict() {
    let shop = shop_without_queue().await;
    shop.proxy
        .on("TransactWriteItems")
        .fail(AwsError::transaction_canceled(&[CONFLICT, "ConditionalCheckFailed"]));
    apply(&shop, placed_with("001", r#"[{"productId":"001","quantity":900}]"#)).await.unwrap();
    assert_eq!(shop.order("001").await.unwrap().status, OrderStatus::Confirmed);
    assert_eq!(stock(&shop).await, (149, 199));
}

#[tokio::test]
async fn fails_as_busy_when_conflicts_persist_and_there_is_no_queue() {
    let shop = shop_without_queue().await;
    let before = shop.snapshot().await;
    shop.proxy
        .on("TransactWriteItems")
        .always()
        .fail(AwsError::transaction_canceled(&["None", CONFLICT, "None"]));
    let error = apply(&shop, placed("001")).await.unwrap_err();
    assert_eq!(error.error_type, inventory_service::BUSY);
    assert_eq!(shop.snapshot().await, before);
    shop.proxy.reset();
    apply(&shop, placed("001")).await.unwrap();
    assert_eq!(stock(&shop).await, (149, 199));
}

#[tokio::test]
async fn fails_as_busy_when_the_time_runs_out() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let _never_opened = shop.proxy.on("TransactWriteItems").hold_request();
    let invocation = invocation::with_remaining_time(placed("001"), Duration::from_millis(1_300));
    let error = apply(&shop, invocation).await.unwrap_err();
    assert_eq!(error.error_type, inventory_service::BUSY);
    assert_eq!((shop.snapshot().await, shop.proxy.calls("TransactWriteItems")), (before, 1));
    apply(&shop, placed("001")).await.unwrap();
    assert_eq!(stock(&shop).await, (149, 199));
}

#[tokio::test]
async fn fails_as_internal_when_a_transaction_is_canceled_for_a_permanent_reason() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    shop.proxy.on("TransactWriteItems").fail(AwsError::transaction_canceled(&[
        "None",
        "ValidationError",
        "None",
    ]));
    let error = apply(&shop, placed("001")).await.unwrap_err();
    assert_eq!(error.error_type, inventory_service::INTERNAL);
    assert_eq!(shop.proxy.calls("TransactWriteItems"), 1);
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn reserves_once_when_the_response_is_lost() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("TransactWriteItems").drop_response();
    apply(&shop, placed("001")).await.unwrap();
    let tokens: Vec<_> = shop
        .proxy
        .requests("TransactWriteItems")
        .iter()
        .map(|request| request["ClientRequestToken"].clone())
        .collect();
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(stock(&shop).await, (149, 199));
}

#[tokio::test]
async fn reserves_or_rejects_once_after_a_crash() {
    // A call and all later ones are lost, as for a function that is killed. Then the event is delivered
    // again.
    // Only an order that is short needs a second call.
    for (lost_call, stock_of_001) in [(1, 150), (2, 0)] {
        for takes_effect in [false, true] {
            let shop = shop_without_queue().await;
            shop.set_stock("001", stock_of_001).await;
            let rule = shop.proxy.on_any_call().nth(lost_call).always();
            if takes_effect {
                rule.drop_response()
            } else {
                rule.drop_request()
            }
            let first = apply(&shop, placed("001")).await;
            assert_eq!(first.unwrap_err().error_type, inventory_service::BUSY, "{lost_call}");
            shop.proxy.reset();
            apply(&shop, placed("001")).await.unwrap();
            let order = shop.order("001").await.unwrap();
            let (status, remaining) =
                if stock_of_001 == 0 { (OrderStatus::Rejected, 0) } else { (OrderStatus::Confirmed, 149) };
            assert_eq!(
                (order.status, shop.stock_of("001").await),
                (status, remaining),
                "{lost_call} {takes_effect}"
            );
        }
    }
}

#[tokio::test]
async fn does_not_reject_an_order_that_is_canceled_meanwhile() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    let gate = shop.proxy.on("UpdateItem").hold_request();
    let reserve = apply(&shop, placed("001"));
    let cancel = async {
        gate.reached().await;
        shop.put_order(&Order { status: OrderStatus::Canceled, ..shop.order("001").await.unwrap() }).await;
        gate.open();
    };
    tokio::join!(reserve, cancel).0.unwrap();
    let StoredOrder { order, outbox, .. } = shop.stored_order("001").await.unwrap();
    assert_eq!((order.status, outbox), (OrderStatus::Canceled, None));
}

#[tokio::test]
async fn fails_an_invalid_event_permanently_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let valid = r#"{"detailType":"OrderPlaced","orderId":"001","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":1}"#;
    let malformed_details = [
        ("OrderPlaced", r#""text""#.to_owned()),
        ("OrderPlaced", "{}".to_owned()),
        ("OrderShipped", valid.to_owned()),
        ("OrderPlaced", valid.replace("\"quantity\":1", "\"quantity\":0")),
        ("OrderPlaced", valid.replace("\"quantity\":1", "\"quantity\":1001")),
        ("OrderPlaced", valid.replace("\"quantity\":1", "\"quantity\":1.5")),
        ("OrderPlaced", valid.replace("[{\"productId\":\"001\",\"quantity\":1}]", "[]")),
        ("OrderPlaced", valid.replace("\"orderId\":\"001\"", "\"orderId\":\"\"")),
        ("OrderPlaced", valid.replace("\"totalAmount\":1", "\"totalAmount\":-1")),
        ("OrderPlaced", valid.replace("\"orderStatus\":\"OrderPlaced\"", "\"orderStatus\":\"OrderShipped\"")),
    ];
    for (detail_type, detail) in malformed_details {
        let error = apply(&shop, invocation::event(detail_type, &detail)).await.unwrap_err();
        assert_eq!(error.error_type, inventory_service::MALFORMED_EVENT, "{detail}");
    }
    let error =
        apply(&shop, invocation::event_from("another.source", "OrderPlaced", valid)).await.unwrap_err();
    assert_eq!(error.error_type, inventory_service::MALFORMED_EVENT);

    let metadata = r#","metadata":{"eventId":"e","occurredAt":"2025-01-01T00:00:00Z","schemaVersion":2,"correlationId":"c"}}"#;
    let future = valid.replace("}],\"totalAmount\":1}", &format!("}}],\"totalAmount\":1{metadata}"));
    let error = apply(&shop, invocation::event("OrderPlaced", &future)).await.unwrap_err();
    assert_eq!(error.error_type, inventory_service::UNKNOWN_VERSION);
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn ignores_a_rejected_event() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let detail = r#"{"detailType":"OrderRejected","orderId":"001","orderStatus":"OrderRejected","customerId":"001","items":[{"productId":"001","quantity":1}],"shortages":[]}"#;
    apply(&shop, invocation::event("OrderRejected", detail)).await.unwrap();
    assert_eq!(shop.snapshot().await, before);
}
