//! The list of orders to ship: exactly the confirmed orders, oldest first, in pages.

use std::collections::BTreeSet;

use api::documents::OrderDocument;
use domain::{EventKind, FulfillmentShard, Order, OrderStatus, OutboxEvent};
use dynamodb::StoredOrder;
use dynamodb::attribute::FULFILLMENT_SHARD;
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, AwsError, EventDriver, Invocation, TestShop, invocation};

fn list() -> ApiRequest {
    ApiRequest::get("/orders").query("status", "Confirmed")
}

async fn send(shop: &TestShop, request: ApiRequest) -> ApiResponse {
    let response = request.send(&shop.order_service()).await;
    assert_eq!(response.status, 200, "{}", response.body);
    response
}

fn ids(response: &ApiResponse) -> Vec<String> {
    let orders = response.json()["orders"].as_array().cloned().unwrap();
    orders.iter().map(|order| order["orderId"].as_str().unwrap().to_owned()).collect()
}

async fn listed(shop: &TestShop) -> Vec<String> {
    ids(&send(shop, list()).await)
}

fn base64_url(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// Stores a copy of the seeded order that was confirmed at this time.
async fn store_confirmed(shop: &TestShop, id: &str, confirmed_at: &str) {
    let order = Order { id: id.parse().unwrap(), ..shop.order("001").await.unwrap() };
    let (time, request) = (confirmed_at.parse().unwrap(), "c-1".parse().unwrap());
    let event = OutboxEvent::new(&order.id, EventKind::Confirmed, time, request);
    shop.put_stored_order(&StoredOrder::confirmed(order, event)).await;
}

async fn change(shop: &TestShop, action: &str, id: &str) {
    let request = ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id);
    send(shop, request).await;
}

/// Returns an event of another producer about an order of one unit of product 001.
fn event(kind: EventKind, id: &str) -> Invocation {
    let mut detail = json!({"detailType": kind.as_str(), "orderId": id, "orderStatus": kind.as_str()});
    if matches!(kind, EventKind::Placed | EventKind::Canceled | EventKind::Confirmed) {
        detail["customerId"] = "001".into();
        detail["items"] = json!([{"productId": "001", "quantity": 1}]);
        detail["totalAmount"] = json!(79.99);
    }
    invocation::event(kind.as_str(), &detail.to_string())
}

async fn apply(shop: &TestShop, kind: EventKind, id: &str) {
    shop.inventory_service().handle(event(kind, id)).await.unwrap();
}

/// Reads all pages. Calls `between_pages` with the orders of each page.
async fn read_pages(
    shop: &TestShop,
    limit: usize,
    mut between_pages: impl AsyncFnMut(&[String]),
) -> Vec<String> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    loop {
        let request = list().query("limit", &limit.to_string());
        let request = token.iter().fold(request, |request, token| request.query("nextToken", token));
        let response = send(shop, request).await;
        let page = ids(&response);
        assert!(page.len() <= limit);
        between_pages(&page).await;
        all.extend(page);
        match response.json()["nextToken"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => return all,
        }
    }
}

#[tokio::test]
async fn lists_confirmed_orders_oldest_first() {
    let shop = TestShop::seeded().await;
    assert_eq!(send(&shop, list()).await.body, r#"{"orders":[]}"#);
    let (service, mut driver) = (shop.order_service(), EventDriver::new(&shop).await);
    let mut placed = Vec::new();
    for quantity in [1, 2, 1000, 3] {
        let body = json!({"customerId": "001", "items": [{"productId": "001", "quantity": quantity}]});
        let response = ApiRequest::post("/order").json(body.to_string()).send(&service).await;
        placed.push(response.json()["orderId"].as_str().unwrap().to_owned());
        driver.run().await;
    }
    let rejected = placed.remove(2);
    assert_eq!(shop.order(&rejected).await.unwrap().status, OrderStatus::Rejected);
    let response = send(&shop, list()).await;
    assert_eq!(ids(&response), placed);
    let first = shop.order(&placed[0]).await.unwrap();
    assert_eq!(response.json()["orders"][0], serde_json::to_value(OrderDocument::from(&first)).unwrap());
    assert_eq!(response.json()["nextToken"], Value::Null);
}

#[tokio::test]
async fn pages_through_300_orders_in_all_shards() {
    let shop = TestShop::seeded().await;
    let mut expected = Vec::new();
    for n in 0..300 {
        let id = format!("order-{n:03}");
        // Ids and times are in opposite order.
        store_confirmed(&shop, &id, &format!("2025-01-01T00:00:00.{:03}Z", 999 - n)).await;
        expected.insert(0, id);
    }
    let shards: BTreeSet<_> = expected.iter().map(|id| FulfillmentShard::of(&id.parse().unwrap())).collect();
    assert_eq!(shards, FulfillmentShard::all().collect());
    for limit in [43, 100] {
        assert_eq!(read_pages(&shop, limit, async |_| {}).await, expected, "limit {limit}");
    }
    assert_eq!(listed(&shop).await, expected[..20], "the default limit");
}

#[tokio::test]
async fn pages_have_no_gap_while_orders_are_shipped_and_canceled() {
    let shop = TestShop::seeded().await;
    let all: Vec<_> = (0..40).map(|n| format!("order-{n:02}")).collect();
    for (n, id) in all.iter().enumerate() {
        store_confirmed(&shop, id, &format!("2025-01-01T00:00:00.{n:03}Z")).await;
    }
    let read = read_pages(&shop, 6, async |page| {
        for (n, id) in page.iter().enumerate() {
            let action = if n % 2 == 0 { "ship" } else { "cancel" };
            change(&shop, action, id).await;
        }
    });
    assert_eq!(read.await, all);
    assert_eq!(listed(&shop).await, [""; 0]);
}

#[tokio::test]
async fn pages_have_no_gap_between_orders_of_the_same_millisecond() {
    let shop = TestShop::seeded().await;
    let all: Vec<_> = (0..20).map(|n| format!("order-{n:02}")).collect();
    for id in all.iter().rev() {
        store_confirmed(&shop, id, "2025-01-01T00:00:00Z").await;
    }
    for limit in [1, 3, 20] {
        assert_eq!(read_pages(&shop, limit, async |_| {}).await, all, "limit {limit}");
    }
}

#[tokio::test]
async fn an_order_leaves_the_list_when_it_is_shipped_or_canceled_and_never_returns() {
    type Leave<'a> = (&'a str, bool, EventKind);
    let ways: [Leave<'_>; 4] = [
        ("ship", true, EventKind::Shipped),
        ("ship", false, EventKind::Shipped),
        ("cancel", true, EventKind::Canceled),
        ("cancel", false, EventKind::Canceled),
    ];
    for (action, by_request, kind) in ways {
        let shop = TestShop::seeded().await;
        apply(&shop, EventKind::Placed, "new-1").await;
        assert_eq!(listed(&shop).await, ["new-1"]);
        if by_request {
            change(&shop, action, "new-1").await;
        } else {
            apply(&shop, kind, "new-1").await;
        }
        assert_eq!(listed(&shop).await, [""; 0], "{action} {by_request}");
        // Late and repeated events.
        for late in [EventKind::Placed, EventKind::Confirmed, kind, EventKind::Placed] {
            apply(&shop, late, "new-1").await;
            let batch = invocation::queue(&[event(late, "new-1")]);
            shop.inventory_service().handle(batch).await.unwrap();
        }
        EventDriver::new(&shop).await.run().await;
        let item = shop.order_item("new-1").await.unwrap();
        assert!(!item.contains_key(FULFILLMENT_SHARD), "{action} {by_request}: {item:?}");
        assert_eq!(listed(&shop).await, [""; 0]);
    }
}

/// A canceled order that still holds its stock, and a confirmed one without stock, which no code of
/// this system leaves behind.
#[tokio::test]
async fn an_order_leaves_the_list_when_it_is_canceled_without_stock() {
    let shop = TestShop::seeded().await;
    store_confirmed(&shop, "no-stock", "2025-01-01T00:00:00Z").await;
    let mut item = shop.order_item("no-stock").await.unwrap();
    item.remove("StockReserved");
    shop.put(&shop.tables.orders, item).await;
    assert_eq!(listed(&shop).await, ["no-stock"]);
    apply(&shop, EventKind::Canceled, "no-stock").await;
    assert_eq!(shop.order("no-stock").await.unwrap().status, OrderStatus::Canceled);
    assert!(!shop.order_item("no-stock").await.unwrap().contains_key(FULFILLMENT_SHARD));
    assert_eq!(listed(&shop).await, [""; 0]);
}

/// The index can lag behind the table.
#[tokio::test]
async fn omits_orders_that_the_index_still_lists() {
    let shop = TestShop::seeded().await;
    for n in 0..4 {
        store_confirmed(&shop, &format!("order-{n}"), &format!("2025-01-01T00:00:00.00{n}Z")).await;
    }
    for id in ["order-0", "order-1"] {
        let mut item = shop.order_item(id).await.unwrap();
        item.insert("OrderStatus".into(), dynamodb::text("Shipped"));
        shop.put(&shop.tables.orders, item).await;
    }
    let first = send(&shop, list().query("limit", "2")).await;
    assert_eq!(ids(&first), [""; 0]);
    assert!(first.json()["nextToken"].is_string(), "{}", first.body);
    assert_eq!(read_pages(&shop, 2, async |_| {}).await, ["order-2", "order-3"]);
}

#[tokio::test]
async fn reads_each_shard_once_and_the_orders_in_one_batch() {
    let shop = TestShop::seeded().await;
    listed(&shop).await;
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"Query": 16}));
    shop.proxy.reset();
    store_confirmed(&shop, "order-1", "2025-01-01T00:00:00Z").await;
    listed(&shop).await;
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"Query": 16, "BatchGetItem": 1}));
    assert!(shop.proxy.requests("Query").iter().all(|query| query["IndexName"] == "OrdersToShip"));
}

#[tokio::test]
async fn retries_throttled_queries_and_unprocessed_keys() {
    let shop = TestShop::seeded().await;
    for n in 0..20 {
        store_confirmed(&shop, &format!("order-{n:02}"), &format!("2025-01-01T00:00:00.0{n:02}Z")).await;
    }
    shop.proxy.on("Query").times(2).fail(AwsError::throttled());
    shop.proxy.on("Query").drop_response();
    shop.proxy.on("BatchGetItem").leave_keys_unprocessed(7);
    assert_eq!(listed(&shop).await.len(), 20);
    shop.proxy.on("Query").always().fail(AwsError::throttled());
    assert_eq!(list().send(&shop.order_service()).await.problem(), (503, "busy".into()));
}

#[tokio::test]
async fn rejects_a_missing_or_other_status() {
    let shop = TestShop::seeded().await;
    let violations = async |request: ApiRequest| {
        let response = request.send(&shop.order_service()).await;
        assert_eq!(response.problem(), (422, "invalid".into()));
        response.violations()
    };
    let violation = |pointer: &str, rule: &str| (pointer.to_owned(), rule.to_owned());
    let orders = || ApiRequest::get("/orders");
    assert_eq!(violations(orders()).await, [violation("status", "required")]);
    for status in ["", "confirmed", "Placed", "Shipped", "Confirmed,Placed", "Confirmed "] {
        let found = violations(orders().query("status", status)).await;
        assert_eq!(found, [violation("status", "format")], "{status:?}");
    }
    for limit in ["0", "101", "-1", "ten", "1.5", ""] {
        assert_eq!(
            violations(list().query("limit", limit)).await,
            [violation("limit", "range")],
            "{limit:?}"
        );
    }
    let all = orders().query("limit", "0").query("nextToken", "???");
    assert_eq!(
        violations(all).await,
        [
            violation("status", "required"),
            violation("limit", "range"),
            violation("nextToken", "invalid-token")
        ]
    );
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
}

#[tokio::test]
async fn a_token_stays_valid_when_its_order_is_shipped() {
    let shop = TestShop::seeded().await;
    store_confirmed(&shop, "order-1", "2025-01-01T00:00:00Z").await;
    change(&shop, "ship", "order-1").await;
    for token in ["", "???", "b3JkZXI=", &base64_url("404"), &base64_url("#001"), &base64_url("a b")] {
        let response = list().query("nextToken", token).send(&shop.order_service()).await;
        assert_eq!(response.violations(), [("nextToken".to_owned(), "invalid-token".to_owned())], "{token}");
    }
    let shipped = list().query("nextToken", &base64_url("2025-01-01T00:00:00.000Z#order-1"));
    assert_eq!(send(&shop, shipped).await.body, r#"{"orders":[]}"#);
}
