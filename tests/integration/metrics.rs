//! Metrics of the functions. Each effect is counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use domain::{EventId, EventKind, Order, OrderStatus, OutboxEvent};
use dynamodb::{number, text};
use lambda::Metric;
use test_support::{
    ApiRequest, AwsError, BusBehavior, EventDriver, Invocation, TestShop, concurrently, invocation,
};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
const CONFLICT: &str = "TransactionConflict";

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(status, count)| (status.to_owned(), count)).into()
}

fn place(key: Option<&str>) -> ApiRequest {
    let request = ApiRequest::post("/order").json(ORDER);
    key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key))
}

fn change(action: &str, id: &str) -> ApiRequest {
    ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id)
}

async fn place_order(shop: &TestShop) -> String {
    place(None).send(&shop.order_service()).await.json()["orderId"].as_str().unwrap().to_owned()
}

fn placed(id: &str) -> Invocation {
    invocation::event(
        "OrderPlaced",
        &format!(
            r#"{{"detailType":"OrderPlaced","orderId":"{id}","orderStatus":"OrderPlaced","customerId":"001","items":[{{"productId":"001","quantity":1}}],"totalAmount":79.99}}"#
        ),
    )
}

fn status_event(kind: EventKind, id: &str) -> Invocation {
    let items = match kind {
        EventKind::Canceled => r#","customerId":"001","items":[{"productId":"001","quantity":1}]"#,
        _ => "",
    };
    let detail = format!(r#"{{"detailType":"{kind}","orderId":"{id}","orderStatus":"{kind}"{items}}}"#);
    invocation::event(kind.as_str(), &detail)
}

async fn apply(shop: &TestShop, event: Invocation) -> Option<&'static str> {
    shop.inventory_service().handle(event).await.err().map(|error| error.error_type)
}

#[tokio::test]
async fn counts_each_status_once_when_every_event_is_delivered_three_times() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await.with_copies(3);
    let (sold, canceled) = (place_order(&shop).await, place_order(&shop).await);
    driver.run().await;
    assert_eq!(shop.metrics.order_counts(), counts([("Placed", 2), ("Confirmed", 2)]));
    for (action, id) in [("ship", &sold), ("deliver", &sold), ("cancel", &canceled)] {
        for _ in 0..2 {
            assert_eq!(change(action, id).send(&shop.order_service()).await.status, 200);
        }
        driver.run().await;
    }
    let all = [("Placed", 2), ("Confirmed", 2), ("Shipped", 1), ("Delivered", 1), ("Canceled", 1)];
    assert_eq!(shop.metrics.order_counts(), counts(all));
    // Five delivered events: the first delivery of each has an effect, and the other two are stale.
    assert_eq!(shop.metrics.sum("EventsStale"), 10);
    // The bus also received an OrderConfirmed of each order, which this system does not consume.
    assert_eq!(shop.metrics.values("OutboxLag").len(), 7);
    assert_eq!((shop.metrics.sum("EventsFailed"), shop.metrics.sum("ReservationConflicts")), (0, 0));
}

#[tokio::test]
async fn counts_a_placed_order_once_for_repeated_requests() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    for _ in 0..3 {
        assert_eq!(place(Some("key-1")).send(&service).await.status, 201);
    }
    assert_eq!(shop.metrics.order_counts(), counts([("Placed", 1)]));
    let request = place(Some("key-2"));
    concurrently((0..20).map(|_| request.send(&service))).await;
    assert_eq!(shop.metrics.order_counts(), counts([("Placed", 2)]));
    assert_eq!(ApiRequest::post("/order").json("{}").send(&service).await.status, 422);
    shop.proxy.on("PutItem").always().fail(AwsError::throttled());
    assert_eq!(place(None).send(&service).await.status, 503);
    assert_eq!(shop.metrics.order_counts(), counts([("Placed", 2)]));
}

#[tokio::test]
async fn counts_an_effect_once_when_the_response_is_lost() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    for key in [None, Some("key-1")] {
        shop.metrics.reset();
        shop.proxy.on("PutItem").drop_response();
        let response = place(key).send(&service).await;
        assert_eq!(shop.metrics.order_counts(), counts([("Placed", 1)]), "{key:?}");

        let id = response.json()["orderId"].as_str().unwrap().to_owned();
        shop.metrics.reset();
        shop.proxy.on("UpdateItem").drop_response();
        assert_eq!(change("cancel", &id).send(&service).await.status, 200);
        assert_eq!(shop.metrics.order_counts(), counts([("Canceled", 1)]));
    }

    shop.metrics.reset();
    shop.proxy.on("TransactWriteItems").drop_response();
    assert_eq!(apply(&shop, placed("001")).await, None, "the seeded order has other lines");
    assert_eq!(shop.metrics.order_counts(), counts([("Confirmed", 1)]));

    shop.set_stock("001", 0).await;
    let short = place_order(&shop).await;
    shop.metrics.reset();
    shop.proxy.on("UpdateItem").drop_response();
    assert_eq!(apply(&shop, placed(&short)).await, None);
    assert_eq!(shop.metrics.order_counts(), counts([("Rejected", 1)]));
    assert_eq!(shop.metrics.sum("EventsStale"), 0);
}

#[tokio::test]
async fn counts_changes_by_events_of_other_producers() {
    let shop = TestShop::seeded().await;
    for event in [
        placed("new-1"),
        status_event(EventKind::Shipped, "new-1"),
        status_event(EventKind::Delivered, "new-1"),
    ] {
        assert_eq!(apply(&shop, event).await, None);
    }
    assert_eq!(
        apply(&shop, status_event(EventKind::Canceled, "new-2")).await,
        None,
        "the order does not exist"
    );
    assert_eq!(apply(&shop, placed("new-3")).await, None);
    assert_eq!(apply(&shop, status_event(EventKind::Canceled, "new-3")).await, None);
    shop.set_stock("001", 0).await;
    assert_eq!(apply(&shop, placed("new-4")).await, None);
    let all = [("Confirmed", 2), ("Shipped", 1), ("Delivered", 1), ("Canceled", 2), ("Rejected", 1)];
    assert_eq!(shop.metrics.order_counts(), counts(all));
    assert_eq!(shop.metrics.sum("EventsStale"), 0);
}

#[tokio::test]
async fn does_not_count_the_event_of_a_change_that_the_api_has_made() {
    use OrderStatus::{Canceled, Delivered, Shipped};
    let cases =
        [(EventKind::Shipped, Shipped), (EventKind::Delivered, Delivered), (EventKind::Canceled, Canceled)];
    for (kind, status) in cases {
        let shop = TestShop::seeded().await;
        let seed = shop.order("001").await.unwrap();
        let event = OutboxEvent::new(&seed.id, kind, seed.created_at, "c-1".parse().unwrap());
        let order = Order { status, stock_reserved: true, ..seed };
        shop.put_order_with_event(order.clone(), event.clone()).await;
        let detail = event.to_event(&order).unwrap().to_json().unwrap();
        assert_eq!(apply(&shop, invocation::event(kind.as_str(), &detail)).await, None);
        assert_eq!(shop.stored_order("001").await.unwrap().outbox, None, "{kind} clears the outbox");
        assert_eq!((shop.metrics.order_counts(), shop.metrics.sum("EventsStale")), (counts([]), 0), "{kind}");
        assert_eq!(apply(&shop, invocation::event(kind.as_str(), &detail)).await, None);
        assert_eq!(
            (shop.metrics.order_counts(), shop.metrics.sum("EventsStale")),
            (counts([]), 1),
            "{kind} again"
        );
    }
}

#[tokio::test]
async fn does_not_count_a_canceled_event_that_releases_stock_as_stale() {
    let shop = TestShop::seeded().await;
    let seed = shop.order("001").await.unwrap();
    shop.put_order(&Order { status: OrderStatus::Canceled, stock_reserved: true, ..seed }).await;
    for stale in [0, 1] {
        assert_eq!(apply(&shop, status_event(EventKind::Canceled, "001")).await, None);
        assert!(!shop.order("001").await.unwrap().stock_reserved);
        assert_eq!((shop.metrics.order_counts(), shop.metrics.sum("EventsStale")), (counts([]), stale));
    }
}

#[tokio::test]
async fn counts_every_conflict_of_a_reservation() {
    let shop = TestShop::seeded().await;
    shop.queues.on("SendMessage").always().fail(AwsError::unavailable());
    let canceled = || AwsError::transaction_canceled(&[CONFLICT, "None"]);
    shop.proxy.on("TransactWriteItems").times(3).fail(canceled());
    assert_eq!(apply(&shop, placed("new-1")).await, None);
    assert_eq!(shop.metrics.sum("ReservationConflicts"), 3);
    assert_eq!(shop.metrics.order_counts(), counts([("Confirmed", 1)]));

    shop.metrics.reset();
    shop.proxy.on("TransactWriteItems").always().fail(canceled());
    assert_eq!(apply(&shop, placed("new-2")).await, Some(inventory_service::BUSY));
    let attempts = shop.proxy.calls("TransactWriteItems") - 5;
    assert_eq!(shop.metrics.sum("ReservationConflicts"), attempts as u64);
    assert_eq!(
        (shop.metrics.failures(inventory_service::BUSY), shop.metrics.order_counts()),
        (1, counts([]))
    );
}

#[tokio::test]
async fn counts_failed_events_by_error_type() {
    let shop = TestShop::seeded().await;
    let seed = shop.order("001").await.unwrap();
    shop.put_order(&Order { id: "gone".parse().unwrap(), status: OrderStatus::Canceled, ..seed }).await;
    let future = format!(
        r#"{{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped","metadata":{{"eventId":"{}","occurredAt":"2025-01-01T00:00:00Z","schemaVersion":2,"correlationId":"c"}}}}"#,
        EventId::derive(&"001".parse().unwrap(), EventKind::Shipped)
    );
    let events = [
        (invocation::event("OrderPlaced", "{}"), inventory_service::MALFORMED_EVENT),
        (invocation::event("OrderShipped", &future), inventory_service::UNKNOWN_VERSION),
        (status_event(EventKind::Shipped, "001"), inventory_service::TOO_EARLY),
        (status_event(EventKind::Shipped, "gone"), inventory_service::ILLEGAL_TRANSITION),
    ];
    for (event, error_type) in events {
        assert_eq!(apply(&shop, event).await, Some(error_type));
        assert_eq!(shop.metrics.failures(error_type), 1, "{error_type}");
    }
    shop.proxy.on("UpdateItem").always().fail(AwsError::access_denied());
    assert_eq!(
        apply(&shop, status_event(EventKind::Shipped, "001")).await,
        Some(inventory_service::INTERNAL)
    );
    assert_eq!(shop.metrics.failures(inventory_service::INTERNAL), 1);
    assert_eq!((shop.metrics.sum("EventsFailed"), shop.metrics.order_counts()), (5, counts([])));
    assert_eq!(shop.metrics.sum("ReservationConflicts"), 0, "an error is not a conflict");
}

#[tokio::test]
async fn records_the_outbox_lag_of_each_published_event() {
    const LAG: u64 = 90_000;
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    let seed = shop.order("001").await.unwrap();
    let changed = domain::Timestamp::from_unix_millis(lambda::clock::unix_millis() - LAG).unwrap();
    // The first record can never be published. The bus keeps rejecting one of the events in each call.
    let mut incomplete = shop.order_item("001").await.unwrap();
    let event =
        OutboxEvent::new(&"incomplete".parse().unwrap(), EventKind::Placed, changed, "c-1".parse().unwrap());
    incomplete.insert("Event".to_owned(), dynamodb::encode_outbox(&event));
    incomplete.insert("OrderId".to_owned(), dynamodb::text("incomplete"));
    incomplete.remove("TotalAmount");
    shop.put(&shop.tables.orders, incomplete).await;
    for n in 0..12 {
        let id = format!("order-{n:02}").parse().unwrap();
        let event = OutboxEvent::new(&id, EventKind::Placed, changed, "c-1".parse().unwrap());
        shop.put_order_with_event(Order { id, ..seed.clone() }, event).await;
    }
    let records = stream.read().await;
    shop.bus.script((0..2 * 3).map(|_| BusBehavior::reject([(0, "InternalFailure")])));
    shop.order_service().handle(invocation::stream(&records)).await.unwrap();

    let lags = shop.metrics.values("OutboxLag");
    let published = shop.bus.published();
    let events = published.iter().filter(|event| event.detail_type() == "OrderPlaced").count();
    assert_eq!((lags.len(), events), (10, 10));
    assert!(lags.iter().all(|lag| (LAG..LAG + 60_000).contains(lag)), "{lags:?}");
    assert_eq!((shop.metrics.failures("NotAccepted"), shop.metrics.failures("Incomplete")), (2, 1));
}

#[tokio::test]
async fn records_the_lag_and_the_failures_of_stock_events() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    driver.relay_stock().await;
    let (lags, published) = (shop.metrics.values("OutboxLag").len(), shop.bus.published().len());
    assert_eq!(lags, published, "one value for each event");
    for quantity in [7, 0, 5] {
        shop.set_stock("001", quantity).await;
    }
    // The bus rejects StockDepleted in each attempt, so the update of the product waits.
    shop.bus.script((0..3).map(|_| BusBehavior::reject([(0, "InternalFailure")])));
    driver.relay_stock().await;
    assert_eq!((shop.metrics.values("OutboxLag").len(), shop.metrics.failures("NotAccepted")), (lags, 3));
    driver.relay_stock().await;
    assert_eq!((shop.metrics.values("OutboxLag").len(), driver.pending_stock_records()), (lags + 3, 0));
    let unreadable = [("ProductId", text("002")), ("Quantity", text("many")), ("Revision", number(9))];
    let unreadable = unreadable.map(|(name, value)| (name.to_owned(), value)).into();
    shop.put(&shop.tables.inventory, unreadable).await;
    driver.relay_stock().await;
    assert_eq!((shop.metrics.failures("BadItem"), shop.metrics.values("OutboxLag").len()), (1, lags + 3));
    assert_eq!(shop.metrics.dimensions()["Service"], ["inventory-service"]);
}

#[tokio::test]
async fn uses_only_functions_and_error_types_as_dimension_values() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    for _ in 0..5 {
        place_order(&shop).await;
    }
    driver.run().await;
    apply(&shop, status_event(EventKind::Shipped, "unknown")).await;
    let dimensions = shop.metrics.dimensions();
    assert_eq!(dimensions["Service"], ["inventory-service", "order-service"]);
    assert_eq!(dimensions["ErrorType"], [inventory_service::TOO_EARLY]);
    assert_eq!(dimensions.len(), 2);
}

#[test]
fn the_operations_guide_lists_every_metric_with_its_unit() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let guide = fs::read_to_string(path).unwrap();
    let section = guide.split("\n## ").find(|section| section.starts_with("Metrics\n")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: BTreeSet<_> =
        rows.map(|(name, rest)| (name, rest.split(" | ").next().unwrap())).collect();
    assert_eq!(documented, Metric::ALL.map(|metric| (metric.name(), metric.unit())).into());
}
