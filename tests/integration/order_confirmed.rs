//! OrderConfirmed: published once for each confirmation, with the prices that the order was placed at.

use domain::{EventKind, OrderStatus};
use serde_json::{Value, json};
use test_support::{
    ApiRequest, BusBehavior, EventDriver, Invocation, PublishedEvent, TestShop, batch_item_failures,
    fulfillment_pattern, invocation, matches_pattern,
};

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

async fn place(shop: &TestShop) -> String {
    let request = ApiRequest::post("/order").json(ORDER).header("X-Correlation-Id", "placed-by-web");
    let response = request.send(&shop.order_service()).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.json()["orderId"].as_str().unwrap().to_owned()
}

async fn change(shop: &TestShop, action: &str, id: &str) {
    let request = ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id);
    let response = request.send(&shop.order_service()).await;
    assert_eq!(response.status, 200, "{}", response.body);
}

async fn apply(shop: &TestShop, event: Invocation) {
    let _ = shop.inventory_service().handle(event).await.unwrap();
}

async fn apply_batch(shop: &TestShop, events: &[Invocation]) {
    let response = shop.inventory_service().handle(invocation::queue(events)).await.unwrap();
    assert_eq!(batch_item_failures(&response), [""; 0]);
}

/// Returns an event of another producer for an order of the same lines.
fn external_event(kind: EventKind, id: &str) -> Invocation {
    let mut detail = json!({"detailType": kind.as_str(), "orderId": id, "orderStatus": kind.as_str()});
    if matches!(kind, EventKind::Placed | EventKind::Canceled) {
        detail["customerId"] = "001".into();
        detail["items"] = json!([{"productId": "001", "quantity": 2}, {"productId": "002", "quantity": 1}]);
    }
    if kind == EventKind::Placed {
        detail["totalAmount"] = json!(359.97);
    }
    invocation::event(kind.as_str(), &detail.to_string())
}

fn kinds(shop: &TestShop) -> Vec<String> {
    shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect()
}

fn confirmed_events(shop: &TestShop) -> Vec<PublishedEvent> {
    shop.bus.published().into_iter().filter(|event| event.detail_type() == "OrderConfirmed").collect()
}

/// Returns the detail of the only OrderConfirmed on the bus.
fn confirmed(shop: &TestShop) -> Value {
    let [event] = confirmed_events(shop).try_into().unwrap();
    event.detail()
}

#[tokio::test]
async fn carries_the_prices_that_the_order_was_placed_at() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let id = place(&shop).await;
    shop.set_price("001", "1").await;
    driver.run().await;
    let mut detail = confirmed(&shop);
    let metadata = detail.as_object_mut().unwrap().remove("metadata").unwrap();
    assert_eq!(
        detail,
        json!({
            "detailType": "OrderConfirmed",
            "orderId": id,
            "orderStatus": "OrderConfirmed",
            "customerId": "001",
            "items": [
                {"productId": "001", "quantity": 2, "unitPrice": 79.99},
                {"productId": "002", "quantity": 1, "unitPrice": 199.99},
            ],
            "totalAmount": 359.97,
        })
    );
    assert_eq!(metadata["correlationId"], "placed-by-web");
    let order = shop.order(&id).await.unwrap();
    assert_eq!(metadata["occurredAt"], order.updated_at.to_string());
    assert!(driver.unhandled_messages().is_empty() && driver.dead_letters().is_empty());
}

#[tokio::test]
async fn is_published_once_for_duplicates_of_the_placed_event() {
    for batched in [false, true] {
        let shop = TestShop::seeded().await;
        let mut driver = EventDriver::new(&shop).await;
        let ids = [place(&shop).await, place(&shop).await];
        driver.relay().await;
        let placed: Vec<_> = shop.bus.published().iter().map(PublishedEvent::envelope).collect();
        let events: Vec<_> = placed.iter().cycle().take(6).cloned().map(invocation::from_payload).collect();
        for _ in 0..2 {
            if batched {
                apply_batch(&shop, &events).await;
            } else {
                for event in &placed {
                    apply(&shop, invocation::from_payload(event.clone())).await;
                }
            }
            driver.relay().await;
        }
        let mut published: Vec<_> = confirmed_events(&shop).iter().map(PublishedEvent::detail).collect();
        published.sort_by_key(|detail| detail["orderId"].to_string());
        let orders: Vec<_> = published.iter().map(|detail| detail["orderId"].as_str().unwrap()).collect();
        assert_eq!(orders, ids, "batched: {batched}");
        for detail in published {
            assert_eq!(detail["metadata"]["correlationId"], "placed-by-web", "batched: {batched}");
            assert_eq!(detail["items"][0]["unitPrice"], 79.99, "batched: {batched}");
        }
    }
}

#[tokio::test]
async fn is_published_for_an_order_that_another_producer_created() {
    for batched in [false, true] {
        let shop = TestShop::seeded().await;
        let mut driver = EventDriver::new(&shop).await;
        let event = external_event(EventKind::Placed, "new-1");
        if batched {
            apply_batch(&shop, &[event]).await;
        } else {
            apply(&shop, event).await;
        }
        driver.run().await;
        let detail = confirmed(&shop);
        assert_eq!(
            detail["items"],
            json!([{"productId": "001", "quantity": 2}, {"productId": "002", "quantity": 1}])
        );
        assert_eq!(detail["totalAmount"], 359.97);
        assert_eq!(detail["metadata"]["correlationId"], "new-1", "the event has no metadata");
    }
}

#[tokio::test]
async fn omits_the_total_of_an_order_without_one() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let mut order = shop.order("001").await.unwrap();
    order.id = "unpriced".parse().unwrap();
    order.total_amount = None;
    order.items.iter_mut().for_each(|item| item.unit_price = None);
    order.items[0].line.quantity = domain::Quantity::new(2).unwrap();
    shop.put_order(&order).await;
    apply(&shop, external_event(EventKind::Placed, "unpriced")).await;
    driver.run().await;
    let detail = confirmed(&shop);
    assert!(detail.get("totalAmount").is_none() && detail["items"][0].get("unitPrice").is_none(), "{detail}");
}

#[tokio::test]
async fn is_published_once_if_the_response_to_the_reservation_is_lost() {
    // Three lost responses end the retries of the SDK. Then the event is delivered again.
    for lost in [1, 3] {
        let shop = TestShop::seeded().await;
        let mut driver = EventDriver::new(&shop).await;
        let id = place(&shop).await;
        shop.proxy.on("TransactWriteItems").times(lost).drop_response();
        driver.run().await;
        assert_eq!(kinds(&shop), ["OrderPlaced", "OrderConfirmed"]);
        assert_eq!(shop.order(&id).await.unwrap().status, OrderStatus::Confirmed);
    }
}

#[tokio::test]
async fn keeps_its_place_between_placed_and_canceled() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let id = place(&shop).await;
    apply(&shop, external_event(EventKind::Placed, &id)).await;
    change(&shop, "cancel", &id).await;
    // All three changes are in one batch. EventBridge accepts OrderConfirmed only in the next batch.
    shop.bus.script([
        BusBehavior::Accept,
        BusBehavior::reject([(0, "ThrottlingException")]),
        BusBehavior::reject([(0, "ThrottlingException")]),
        BusBehavior::reject([(0, "ThrottlingException")]),
    ]);
    driver.relay().await;
    assert_eq!(kinds(&shop), ["OrderPlaced"]);
    driver.run().await;
    assert_eq!(kinds(&shop), ["OrderPlaced", "OrderConfirmed", "OrderCanceled"]);
    let order = shop.order(&id).await.unwrap();
    assert_eq!((order.status, order.stock_reserved), (OrderStatus::Canceled, false));
    assert_eq!(shop.stock_of("001").await, 150);
}

#[tokio::test]
async fn is_not_published_for_a_placed_event_after_the_cancellation() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let id = place(&shop).await;
    change(&shop, "cancel", &id).await;
    apply(&shop, external_event(EventKind::Canceled, "new-1")).await;
    apply(&shop, external_event(EventKind::Placed, "new-1")).await;
    apply_batch(&shop, &[external_event(EventKind::Placed, "new-1")]).await;
    driver.run().await;
    assert_eq!(kinds(&shop), ["OrderPlaced", "OrderCanceled"]);
}

#[tokio::test]
async fn is_the_only_event_in_the_queue_of_a_warehouse() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    let (shipped, canceled) = (place(&shop).await, place(&shop).await);
    driver.run().await;
    for (action, id) in [("ship", &shipped), ("deliver", &shipped), ("cancel", &canceled)] {
        change(&shop, action, id).await;
        driver.run().await;
    }
    let published = shop.bus.published();
    assert_eq!(published.len(), 7);
    for event in published {
        let envelope = serde_json::from_str(event.envelope().get()).unwrap();
        let is_queued = matches_pattern(fulfillment_pattern(), &envelope);
        assert_eq!(is_queued, event.detail_type() == "OrderConfirmed", "{envelope}");
    }
}

#[tokio::test]
async fn changes_nothing_in_the_function_that_published_it() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    place(&shop).await;
    driver.run().await;
    let [event] = confirmed_events(&shop).try_into().unwrap();
    let before = shop.snapshot().await;
    apply(&shop, invocation::from_payload(event.envelope())).await;
    apply_batch(&shop, &[invocation::from_payload(event.envelope())]).await;
    assert_eq!(shop.snapshot().await, before);
}

/// The consumer's writes that cause no event remove the previous one, so that the filter of the
/// stream drops their records.
#[tokio::test]
async fn a_write_without_an_event_does_not_invoke_the_relay() {
    let endings: [&[EventKind]; 3] =
        [&[EventKind::Canceled], &[EventKind::Shipped], &[EventKind::Shipped, EventKind::Delivered]];
    for kinds in endings {
        let shop = TestShop::seeded().await;
        let mut stream = shop.order_stream().await;
        let seeded = stream.read().await;
        assert_eq!(seeded.len(), 1);
        apply(&shop, external_event(EventKind::Placed, "new-1")).await;
        let filters = test_support::stream_filters();
        let passes = |record: &Value| filters.iter().any(|filter| matches_pattern(filter, record));
        let records = stream.read().await;
        assert!(!records.is_empty() && records.iter().all(passes), "{records:?}");
        for kind in kinds {
            apply(&shop, external_event(*kind, "new-1")).await;
        }
        let records = stream.read().await;
        assert_eq!(records.len(), kinds.len());
        assert!(!records.iter().any(passes), "{records:?}");
    }
}
