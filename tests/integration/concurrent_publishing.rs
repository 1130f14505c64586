//! The relay's calls to PutEvents are made at the same time, and still no event
//! overtakes an earlier one of its order.

use std::sync::{Arc, Mutex};

use domain::{EventKind, Order, OrderId, PendingEvent};
use hyper::body::Bytes;
use serde_json::{Value, json};
use test_support::http::{CloseConnection, Request, Response, Server};
use test_support::{BusBehavior, TestShop, batch_item_failures, invocation};
use tokio::sync::Barrier;

/// Calls of one batch that are made at the same time.
const CALLS: usize = 3;

/// An endpoint of EventBridge that answers no call before as many are there as
/// belong together, and takes down which events were under way at once.
#[derive(Debug)]
struct Witness {
    server: Server,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    under_way: Vec<String>,
    calls: usize,
    /// Orders with events in two calls at once.
    torn: Vec<String>,
    /// The events' types and orders, as their calls ended.
    published: Vec<(String, String)>,
}

impl Witness {
    fn of(calls: usize) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (shared, barrier) = (Arc::clone(&seen), Arc::new(Barrier::new(calls)));
        let answer = move |request| answer(Arc::clone(&shared), Arc::clone(&barrier), calls, request);
        Self { server: Server::start(answer), seen }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

async fn answer(
    seen: Arc<Mutex<Seen>>,
    barrier: Arc<Barrier>,
    together: usize,
    request: Request,
) -> Result<Response, CloseConnection> {
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let entries = body["Entries"].as_array().unwrap();
    let events: Vec<_> = entries.iter().map(|entry| (text(&entry["DetailType"]), order_of(entry))).collect();
    let nth = seen.lock().unwrap().begin(&events);
    // Those behind the first ones come alone, each when the one before is done.
    if nth <= together {
        barrier.wait().await;
    }
    seen.lock().unwrap().end(events);
    let results: Vec<_> = entries.iter().map(|_| json!({"EventId": "1"})).collect();
    let answer = json!({"FailedEntryCount": 0, "Entries": results}).to_string();
    Ok(hyper::Response::builder().body(Bytes::from(answer)).unwrap())
}

fn order_of(entry: &Value) -> String {
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    text(&detail["orderId"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Seen {
    /// A call begins; which one it is, counted from 1.
    fn begin(&mut self, events: &[(String, String)]) -> usize {
        self.torn.extend(events.iter().map(|(_, id)| id).filter(|id| self.under_way.contains(id)).cloned());
        self.under_way.extend(events.iter().map(|(_, id)| id.clone()));
        self.calls += 1;
        self.calls
    }

    fn end(&mut self, events: Vec<(String, String)>) {
        for (_, id) in &events {
            let at = self.under_way.iter().position(|other| other == id).unwrap();
            self.under_way.swap_remove(at);
        }
        self.published.extend(events);
    }

    fn events_of(&self, id: &str) -> Vec<&str> {
        self.published.iter().filter(|(_, of)| of == id).map(|(kind, _)| kind.as_str()).collect()
    }
}

/// A change of an order that calls for an event of a kind.
async fn store(shop: &TestShop, id: &str, kind: EventKind) {
    let seed = shop.order("001").await.unwrap();
    let id: OrderId = id.parse().unwrap();
    let event = PendingEvent::new(&id, kind, seed.created_at, "c-1".parse().unwrap());
    shop.put_order(&Order { id, event: Some(event), ..seed }).await;
}

/// Relays records to a witness, and none of them is handed back.
async fn relay_past_witness(shop: &TestShop, records: &[Value]) -> Witness {
    let witness = Witness::of(CALLS);
    let service = shop.order_service_publishing_to(test_support::eventbridge_client(&witness.server.url));
    let answer = service.handle(invocation::stream(records)).await.unwrap();
    assert!(batch_item_failures(&answer).is_empty());
    witness
}

#[tokio::test]
async fn the_calls_of_a_batch_are_made_at_the_same_time() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    for n in 0..25 {
        store(&shop, &format!("order-{n:03}"), EventKind::Placed).await;
    }
    // None of the three is answered before all have come.
    let witness = relay_past_witness(&shop, &stream.read().await).await;
    let seen = witness.seen();
    assert_eq!((seen.calls, seen.published.len()), (CALLS, 25));
}

#[tokio::test]
async fn two_events_of_one_order_are_never_under_way_at_once_and_stay_in_order() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    let kinds = [EventKind::Placed, EventKind::Shipped, EventKind::Delivered];
    // One event of the order in each part of the batch that one call takes.
    for (part, kind) in kinds.into_iter().enumerate() {
        store(&shop, "order-000", kind).await;
        for n in 1..10 {
            store(&shop, &format!("order-{part}{n:02}"), EventKind::Placed).await;
        }
    }
    let witness = relay_past_witness(&shop, &stream.read().await).await;
    let seen = witness.seen();
    assert_eq!(seen.torn, Vec::<String>::new());
    assert_eq!(seen.events_of("order-000"), ["OrderPlaced", "OrderShipped", "OrderDelivered"]);
    assert_eq!(seen.published.len(), 30);
}

#[tokio::test]
async fn an_event_waits_for_the_one_before_that_is_not_published() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    store(&shop, "order-000", EventKind::Placed).await;
    store(&shop, "order-000", EventKind::Canceled).await;
    store(&shop, "order-001", EventKind::Placed).await;
    let records = stream.read().await;
    shop.bus.script((0..3).map(|_| BusBehavior::reject([(0, "InternalFailure")])));
    let answer = shop.order_service().handle(invocation::stream(&records)).await.unwrap();
    let first = records[0]["dynamodb"]["SequenceNumber"].as_str().unwrap();
    assert_eq!(batch_item_failures(&answer), [first]);
    let published = |shop: &TestShop| {
        let events = shop.bus.published();
        events.iter().map(|event| text(&event.detail()["detailType"])).collect::<Vec<_>>()
    };
    assert_eq!(published(&shop), ["OrderPlaced"], "that of the other order");

    let answer = shop.order_service().handle(invocation::stream(&records)).await.unwrap();
    assert!(batch_item_failures(&answer).is_empty());
    assert_eq!(published(&shop)[1..], ["OrderPlaced", "OrderPlaced", "OrderCanceled"]);
}

#[tokio::test]
async fn an_event_does_not_wait_for_one_that_was_given_up() {
    let shop = TestShop::seeded().await;
    let mut stream = shop.order_stream().await;
    stream.read().await;
    store(&shop, "order-000", EventKind::Placed).await;
    store(&shop, "order-000", EventKind::Canceled).await;
    let records = stream.read().await;
    shop.bus.script([BusBehavior::reject([(0, "MalformedDetail")])]);
    let answer = shop.order_service().handle(invocation::stream(&records)).await.unwrap();
    assert!(batch_item_failures(&answer).is_empty());
    let kinds: Vec<_> = shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    assert_eq!(kinds[0], "OrderCanceled");
    assert_eq!(kinds.len(), 2, "and the notice");
}
