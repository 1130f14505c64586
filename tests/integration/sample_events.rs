//! The sample payloads in `events/`, applied to the seed data.

use api::AuthMode;
use domain::{Order, OrderEvent, OrderStatus};
use test_support::{ApiResponse, TestShop, batch_item_failures, invocation};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Shipped};

/// The event details of the contract with other producers.
const CONTRACT: [(&str, &str); 4] = [
    (
        "order-placed",
        r#"{"detailType":"OrderPlaced","orderId":"001","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98}"#,
    ),
    ("order-shipped", r#"{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped"}"#),
    ("order-delivered", r#"{"detailType":"OrderDelivered","orderId":"001","orderStatus":"OrderDelivered"}"#),
    (
        "order-canceled",
        r#"{"detailType":"OrderCanceled","orderId":"001","orderStatus":"OrderCanceled","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}]}"#,
    ),
];

async fn set_status(shop: &TestShop, status: OrderStatus) {
    let stock_reserved = matches!(status, Confirmed | Shipped);
    shop.put_order(&Order { status, stock_reserved, ..shop.order("001").await.unwrap() }).await;
}

#[test]
fn sample_events_have_the_details_of_the_contract_and_round_trip() {
    for (name, contract) in CONTRACT {
        let event: serde_json::Value = serde_json::from_str(invocation::fixture(name).payload.get()).unwrap();
        let contract_value: serde_json::Value = serde_json::from_str(contract).unwrap();
        assert_eq!(event["detail"], contract_value, "{name}");
        assert_eq!(event["source"], "ecommerce.order");
        assert_eq!(event["detail-type"], contract_value["detailType"]);
        assert_eq!(OrderEvent::from_json(contract).unwrap().to_json().unwrap(), contract, "{name}");
    }
}

#[tokio::test]
async fn each_sample_event_changes_the_status_of_the_seeded_order() {
    let steps = [
        ("order-placed", Placed, Confirmed, 149),
        ("order-shipped", Confirmed, Shipped, 150),
        ("order-delivered", Shipped, Delivered, 150),
        ("order-canceled", Confirmed, Canceled, 151),
    ];
    for (name, from, to, stock) in steps {
        let shop = TestShop::seeded().await;
        set_status(&shop, from).await;
        shop.inventory_service().handle(invocation::fixture(name)).await.unwrap();
        assert_eq!(shop.order("001").await.unwrap().status, to, "{name}");
        assert_eq!(shop.stock_of("001").await, stock, "{name}");
    }
}

#[tokio::test]
async fn the_sample_receipt_adds_its_goods_to_the_seeded_stock() {
    let shop = TestShop::seeded().await;
    for _ in 0..2 {
        shop.inventory_service().handle(invocation::fixture("stock-received")).await.unwrap();
        assert_eq!(shop.stock_of("001").await, 190);
    }
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn each_sample_request_succeeds() {
    let requests = [
        ("api-post-order", Placed, 201, r#""orderStatus":"Placed""#),
        ("api-get-order", Placed, 200, r#""orderId":"001""#),
        ("api-cancel-order", Placed, 200, r#""orderStatus":"Canceled""#),
        ("api-ship-order", Confirmed, 200, r#""orderStatus":"Shipped""#),
        ("api-ship-order-with-carrier", Confirmed, 200, r#""trackingNumber":"JD014600003RU""#),
        ("api-list-orders-to-ship", Confirmed, 200, r#"{"orders":[]}"#),
        ("api-deliver-order", Shipped, 200, r#""orderStatus":"Delivered""#),
        ("api-list-customer-orders", Placed, 200, r#"{"orders":[{"orderId":"001""#),
        ("api-list-products", Placed, 200, r#""name":"Smartwatch","price":199.99"#),
        ("api-get-product", Placed, 200, r#""name":"Wireless Headphones","price":79.99"#),
        ("api-put-product", Placed, 200, r#"{"productId":"001","name":"Wireless Headphones","price":69.99}"#),
        ("api-delete-product", Placed, 204, ""),
        ("api-get-customer", Placed, 200, r#""email":"alice.johnson@example.com","name":"Alice Johnson"}"#),
        ("api-put-customer", Placed, 200, r#""name":"Alice Johnson-Smith"}"#),
        ("api-delete-customer", Placed, 204, ""),
    ];
    for (name, status_of_order, status, body) in requests {
        let shop = TestShop::seeded().await;
        set_status(&shop, status_of_order).await;
        let response =
            ApiResponse::of(&shop.order_service().handle(invocation::fixture(name)).await.unwrap());
        assert_eq!(response.status, status, "{name}: {response:?}");
        assert!(response.body.contains(body), "{name}: {}", response.body);
    }
    let stock_requests = [
        ("api-get-inventory", 200, r#"{"productId":"001","quantity":150}"#),
        ("api-list-inventory", 200, r#"{"productId":"002","quantity":200}]}"#),
        ("api-patch-inventory", 200, r#"{"productId":"001","quantity":150,"reorderPoint":20}"#),
        ("api-post-adjustment", 201, r#""delta":-2,"reason":"damaged","note":"Fell from a pallet""#),
        ("api-list-adjustments", 200, r#"{"adjustments":[{"adjustmentId":"opening-001","productId":"001""#),
        ("api-get-adjustment", 200, r#""delta":150,"reason":"counted","note":"Opening stock""#),
    ];
    for (name, status, body) in stock_requests {
        let shop = TestShop::seeded().await;
        let response =
            ApiResponse::of(&shop.inventory_service().handle(invocation::fixture(name)).await.unwrap());
        assert_eq!(response.status, status, "{name}: {response:?}");
        assert!(response.body.contains(body), "{name}: {}", response.body);
    }
    let hello =
        ApiResponse::of(&hello_world::handle(AuthMode::Open, invocation::fixture("hello")).await.unwrap());
    assert_eq!((hello.status, hello.body.as_str()), (200, r#"{"message":"hello world"}"#));
}

#[tokio::test]
async fn the_sample_stream_record_publishes_the_event_of_the_contract() {
    let shop = TestShop::seeded().await;
    let response = shop.order_service().handle(invocation::fixture("stream-order-placed")).await.unwrap();
    assert!(batch_item_failures(&response).is_empty());
    let [event] = shop.bus.published().try_into().unwrap();
    let without_metadata = CONTRACT[0].1.trim_end_matches('}');
    assert!(
        event.detail_text().starts_with(&format!("{without_metadata},\"metadata\":")),
        "{}",
        event.detail_text()
    );
}

#[tokio::test]
async fn the_sample_republish_request_reports_the_seeded_order() {
    let shop = TestShop::seeded().await;
    let response = shop.order_service().handle(invocation::fixture("republish")).await.unwrap();
    let response = serde_json::to_string(&response).unwrap();
    assert_eq!(response, r#"{"orders":[{"orderId":"001","outcome":"NothingToPublish"}]}"#);
}

#[tokio::test]
async fn the_sample_stock_record_publishes_the_crossed_level_and_the_quantity() {
    let shop = TestShop::seeded().await;
    let response = shop.inventory_service().handle(invocation::fixture("stream-inventory")).await.unwrap();
    assert!(batch_item_failures(&response).is_empty());
    let [low, updated] = shop.bus.published().try_into().unwrap();
    let detail =
        r#"{"detailType":"StockLow","productId":"001","quantity":20,"reorderPoint":20,"revision":131,"#;
    assert!(low.detail_text().starts_with(detail), "{}", low.detail_text());
    let detail = r#"{"detailType":"InventoryUpdated","productId":"001","quantity":20,"previousQuantity":22,"#;
    assert!(updated.detail_text().starts_with(detail), "{}", updated.detail_text());
}

#[tokio::test]
async fn the_sample_republish_request_publishes_the_seeded_stock() {
    let shop = TestShop::seeded().await;
    let response = shop.inventory_service().handle(invocation::fixture("republish-stock")).await.unwrap();
    let response = serde_json::to_string(&response).unwrap();
    let expected =
        r#"{"products":[{"productId":"001","outcome":"Published","eventTypes":["InventoryUpdated"]}]}"#;
    assert_eq!(response, expected);
    assert_eq!(shop.bus.published()[0].detail()["quantity"], 150);
}
