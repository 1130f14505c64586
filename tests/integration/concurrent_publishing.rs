//! Concurrent PutEvents calls of the relay. The events of one order are published in order.

use std::sync::{Arc, Mutex};

use domain::{EventKind, Order, OrderId, OutboxEvent};
use hyper::body::Bytes;
use serde_json::{Value, json};
use test_support::http::{CloseConnection, Request, Response, Server};
use test_support::{BusBehavior, TestShop, batch_item_failures, invocation};
use tokio::sync::Barrier;

/// The number of concurrent calls for one batch.
const CALLS: usize = 3;

/// An EventBridge endpoint that responds to the first calls only when all of them have arrived. It
/// records which events are in flight at the same time.
#[derive(Debug)]
struct RecordingEndpoint {
    server: Server,
    recording: Arc<Mutex<Recording>>,
}

#[derive(Debug, Default)]
struct Recording {
    in_flight: Vec<String>,
    calls: usize,
    /// Orders that had events in two calls in flight.
    overlapping_orders: Vec<String>,
    /// Type and order of each event, in the order in which their calls ended.
    published: Vec<(String, String)>,
}

impl RecordingEndpoint {
    fn expecting(calls: usize) -> Self {
        let recording = Arc::new(Mutex::new(Recording::default()));
        let (shared, barrier) = (Arc::clone(&recording), Arc::new(Barrier::new(calls)));
        let handler = move |request| respond(Arc::clone(&shared), Arc::clone(&barrier), calls, request);
        Self { server: Server::start(handler), recording }
    }

    fn recording(&self) -> std::sync::MutexGuard<'_, Recording> {
        self.recording.lock().unwrap()
    }
}

async fn respond(
    recording: Arc<Mutex<Recording>>,
    barrier: Arc<Barrier>,
    concurrent_calls: usize,
    request: Request,
) -> Result<Response, CloseConnection> {
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let entries = body["Entries"].as_array().unwrap();
    let events: Vec<_> = entries.iter().map(|entry| (text(&entry["DetailType"]), order_of(entry))).collect();
    let nth = recording.lock().unwrap().start_call(&events);
    // Later calls arrive one at a time, each after the previous one has ended.
    if nth <= concurrent_calls {
        barrier.wait().await;
    }
    recording.lock().unwrap().end_call(events);
    let results: Vec<_> = entries.iter().map(|_| json!({"EventId": "1"})).collect();
    let response = json!({"FailedEntryCount": 0, "Entries": results}).to_string();
    Ok(hyper::Response::builder().body(Bytes::from(response)).unwrap())
}

fn order_of(entry: &Value) -> String {
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    text(&detail["orderId"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Recording {
    /// Records the start of a call, and returns its number, counted from 1.
    fn start_call(&mut self, events: &[(String, String)]) -> usize {
        self.overlapping_orders
            .extend(events.iter().map(|(_, id)| id).filter(|id| self.in_flight.contains(id)).cloned());
        self.in_flight.extend(events.iter().map(|(_, id)| id.clone()));
        self.calls += 1;
        self.calls
    }

    /// Records the end of a call.
    fn end_call(&mut self, events: Vec<(String, String)>) {
        for (_, id) in &events {
            let index = self.in_flight.iter().position(|order| order == id).unwrap();
            self.in_flight.swap_remove(index);
        }
        self.published.extend(events);
    }

    fn events_of(&self, id: &str) -> Vec<&str> {
        self.published.iter().filter(|(_, order)| order == id).map(|(kind, _)| kind.as_str()).collect()
    }
}

/// Stores an order with an event in its outbox.
async fn store(shop: &TestShop, id: &str, kind: EventKind) {
    let seed = shop.order("001").await.unwrap();
    let id: OrderId = id.parse().unwrap();
    let event = OutboxEvent::new(&id, kind, seed.created_at, "c-1".parse().unwrap());
    shop.put_order_with_event(Order { id, ..seed }, event).await;
}

/// Relays records to a recording endpoint, and asserts that none of them fails.
async fn relay_to_recording_endpoint(shop: &TestShop, records: &[Value]) -> RecordingEndpoint {
    let endpoint = RecordingEndpoint::expecting(CALLS);
    let service = shop.order_service_publishing_to(test_support::eventbridge_client(&endpoint.server.url));
    let response = service.handle(invocation::stream(records)).await.unwrap();
    assert!(batch_item_failures(&response).is_empty());
    endpoint
}

#[tokio::test]
async fn publishes_a_batch_with_concurrent_calls() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    for n in 0..25 {
        store(&shop, &format!("order-{n:03}"), EventKind::Placed).await;
    }
    // The endpoint responds to none of the three calls before all have arrived.
    let endpoint = relay_to_recording_endpoint(&shop, &stream.read().await).await;
    let recording = endpoint.recording();
    assert_eq!((recording.calls, recording.published.len()), (CALLS, 25));
}

#[tokio::test]
async fn never_has_two_events_of_one_order_in_flight() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    let kinds = [EventKind::Placed, EventKind::Shipped, EventKind::Delivered];
    // Each call takes ten records, one of which is of the same order.
    for (part, kind) in kinds.into_iter().enumerate() {
        store(&shop, "order-000", kind).await;
        for n in 1..10 {
            store(&shop, &format!("order-{part}{n:02}"), EventKind::Placed).await;
        }
    }
    let endpoint = relay_to_recording_endpoint(&shop, &stream.read().await).await;
    let recording = endpoint.recording();
    assert_eq!(recording.overlapping_orders, Vec::<String>::new());
    assert_eq!(recording.events_of("order-000"), ["OrderPlaced", "OrderShipped", "OrderDelivered"]);
    assert_eq!(recording.published.len(), 30);
}

#[tokio::test]
async fn does_not_publish_an_event_before_an_unpublished_one_of_the_same_order() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    store(&shop, "order-000", EventKind::Placed).await;
    store(&shop, "order-000", EventKind::Canceled).await;
    store(&shop, "order-001", EventKind::Placed).await;
    let records = stream.read().await;
    shop.bus.script((0..3).map(|_| BusBehavior::reject([(0, "InternalFailure")])));
    let response = shop.order_service().handle(invocation::stream(&records)).await.unwrap();
    let first = records[0]["dynamodb"]["SequenceNumber"].as_str().unwrap();
    assert_eq!(batch_item_failures(&response), [first]);
    let published = |shop: &TestShop| {
        let events = shop.bus.published();
        events.iter().map(|event| text(&event.detail()["detailType"])).collect::<Vec<_>>()
    };
    assert_eq!(published(&shop), ["OrderPlaced"], "only the event of the other order");

    let response = shop.order_service().handle(invocation::stream(&records)).await.unwrap();
    assert!(batch_item_failures(&response).is_empty());
    assert_eq!(published(&shop)[1..], ["OrderPlaced", "OrderPlaced", "OrderCanceled"]);
}

#[tokio::test]
async fn publishes_an_event_after_an_unpublishable_one_of_the_same_order() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    store(&shop, "order-000", EventKind::Placed).await;
    store(&shop, "order-000", EventKind::Canceled).await;
    let records = stream.read().await;
    shop.bus.script([BusBehavior::reject([(0, "MalformedDetail")])]);
    let response = shop.order_service().handle(invocation::stream(&records)).await.unwrap();
    assert!(batch_item_failures(&response).is_empty());
    let kinds: Vec<_> = shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    assert_eq!(kinds[0], "OrderCanceled");
    assert_eq!(kinds.len(), 2, "OrderCanceled and OrderEventUnpublishable");
}
