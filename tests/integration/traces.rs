//! One trace for each request: it travels in the outbox and with the events.

use domain::EventKind;
use serde_json::json;
use test_support::{ApiRequest, AwsError, EventDriver, PublishedEvent, TestShop, drain_queue};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":2}]}"#;
const PLACED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
const SHIPPED: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";
const UNRECORDED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

async fn place(shop: &TestShop, trace: &str) -> String {
    let request = ApiRequest::post("/order").json(ORDER).trace(trace);
    let response = request.send(&shop.order_service()).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.json()["orderId"].as_str().unwrap().to_owned()
}

/// Returns the published events of orders with their X-Ray headers and their `traceparent`.
fn traces(shop: &TestShop) -> Vec<(String, Option<String>, Option<String>)> {
    let is_of_order = |event: &PublishedEvent| event.entry.source.as_deref() == Some("ecommerce.order");
    let published = shop.bus.published().into_iter().filter(is_of_order);
    let trace = |event: PublishedEvent| {
        let traceparent = event.detail()["metadata"]["traceparent"].as_str().map(str::to_owned);
        (event.detail_type().to_owned(), event.entry.trace_header, traceparent)
    };
    published.map(trace).collect()
}

fn traced(kind: EventKind, header: &str, traceparent: &str) -> (String, Option<String>, Option<String>) {
    (kind.to_string(), Some(header.to_owned()), Some(traceparent.to_owned()))
}

#[tokio::test]
async fn the_events_of_a_request_have_its_trace_also_after_the_queue() {
    for is_contended in [false, true] {
        let shop = TestShop::seeded().await;
        let id = place(&shop, PLACED).await;
        let mut driver = EventDriver::new(&shop).await;
        if is_contended {
            driver.relay().await;
            shop.proxy
                .on("TransactWriteItems")
                .fail(AwsError::transaction_canceled(&["None", "TransactionConflict"]));
            driver.consume().await;
            assert_eq!(shop.metrics.sum("EventsQueued"), 1);
            drain_queue(&shop, &shop.inventory_service()).await;
        }
        driver.run().await;
        let ship = ApiRequest::post("/order/{orderId}/ship").path("orderId", &id).trace(SHIPPED);
        assert_eq!(ship.send(&shop.order_service()).await.status, 200);
        driver.run().await;
        let (placed, shipped) = (
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "00-67891233abcdef012345678912345678-463ac35c9f6413ad-01",
        );
        let expected = [
            traced(EventKind::Placed, PLACED, placed),
            traced(EventKind::Confirmed, PLACED, placed),
            traced(EventKind::Shipped, SHIPPED, shipped),
        ];
        assert_eq!(traces(&shop), expected);
    }
}

#[tokio::test]
async fn a_trace_that_is_not_recorded_costs_nothing() {
    let shop = TestShop::seeded().await;
    let (untraced, traced) = (place(&shop, UNRECORDED).await, place(&shop, PLACED).await);
    EventDriver::new(&shop).await.relay().await;
    let published = traces(&shop);
    assert_eq!(published[0], ("OrderPlaced".to_owned(), None, None));
    let outbox = async |id: &str| {
        let item = shop.order_item(id).await.unwrap();
        item["Event"].as_m().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    let added = outbox(&traced).await.difference(&outbox(&untraced).await).cloned().collect::<Vec<_>>();
    assert_eq!(added, ["TraceParent"]);

    let item_bytes = shop.order_sizes(&traced).await.item - shop.order_sizes(&untraced).await.item;
    let sizes: Vec<_> = shop.bus.published().iter().map(|event| event.detail_text().len()).collect();
    assert_eq!((item_bytes, sizes[1] - sizes[0]), (67, 72), "the bytes in docs/operations.md");
}

#[tokio::test]
async fn an_invalid_trace_of_another_producer_is_ignored() {
    let shop = TestShop::seeded().await;
    let detail = json!({
        "detailType": "OrderPlaced", "orderId": "o1", "orderStatus": "OrderPlaced", "customerId": "001",
        "items": [{"productId": "001", "quantity": 2}], "totalAmount": 159.98,
        "metadata": {
            "eventId": "e1", "occurredAt": "2025-01-01T00:00:00Z", "schemaVersion": 1, "correlationId": "c1",
            "traceparent": "none", "sequence": "first",
        },
    });
    let event = test_support::invocation::event("OrderPlaced", &detail.to_string());
    let _ = shop.inventory_service().handle(event).await.unwrap();
    EventDriver::new(&shop).await.relay().await;
    assert_eq!(traces(&shop), [("OrderConfirmed".to_owned(), None, None)]);
}
