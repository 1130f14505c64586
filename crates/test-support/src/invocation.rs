//! Invocations with the payloads that AWS sends.

use std::fs;
use std::time::Duration;

use lambda::clock::unix_millis;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bus::{BUS_NAME, Entry, PublishedEvent};
use crate::queues::QueuedMessage;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");

/// `Timeout` of the functions in template.yaml.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A payload with the context of its invocation.
pub type Invocation = LambdaEvent<Box<RawValue>>;

/// Returns an invocation with a payload, a unique request id, and the timeout of template.yaml.
#[must_use]
pub fn from_payload(payload: Box<RawValue>) -> Invocation {
    let mut context = Context::default();
    context.request_id = Uuid::now_v7().to_string();
    with_remaining_time(LambdaEvent::new(payload, context), TIMEOUT)
}

/// Sets the time after which Lambda stops the invocation.
#[must_use]
pub fn with_remaining_time(mut invocation: Invocation, remaining: Duration) -> Invocation {
    let remaining = u64::try_from(remaining.as_millis()).expect("a timeout that Lambda allows");
    invocation.context.deadline = unix_millis() + remaining;
    invocation
}

/// Returns an invocation with the payload of a file in `events/`, named without its extension.
#[must_use]
pub fn fixture(name: &str) -> Invocation {
    let path = format!("{FIXTURES}/{name}.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    from_payload(RawValue::from_string(text).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// Returns an invocation by the stream of a table with these records.
#[must_use]
pub fn stream(records: &[Value]) -> Invocation {
    from_payload(raw(&json!({"Records": records})))
}

/// Returns an invocation by the event queue with these events as its messages. The message ids
/// are `m0`, `m1` and so on.
#[must_use]
pub fn queue(events: &[Invocation]) -> Invocation {
    let bodies: Vec<_> = events.iter().map(|event| event.payload.get()).collect();
    queue_messages(&bodies)
}

/// Returns an invocation by the event queue with messages of these bodies, with the ids of [`queue`].
#[must_use]
pub fn queue_messages(bodies: &[&str]) -> Invocation {
    let record = |(n, body): (usize, &&str)| json!({"messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": body});
    from_payload(raw(&json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})))
}

/// Returns an invocation by the event queue with messages that it delivers.
#[must_use]
pub fn received(messages: &[QueuedMessage]) -> Invocation {
    let records: Vec<_> = messages.iter().map(QueuedMessage::record).collect();
    from_payload(raw(&json!({"Records": records})))
}

/// Returns an invocation by a bus rule with an event from the source of order events.
#[must_use]
pub fn event(detail_type: &str, detail: &str) -> Invocation {
    event_from(domain::event::ORDER_SOURCE, detail_type, detail)
}

/// Returns an invocation by a bus rule with an event of a warehouse.
#[must_use]
pub fn stock_received(detail: &str) -> Invocation {
    event_from(domain::event::WAREHOUSE_SOURCE, domain::StockReceived::DETAIL_TYPE, detail)
}

/// Returns an invocation by a bus rule with an event from any source.
#[must_use]
pub fn event_from(source: &str, detail_type: &str, detail: &str) -> Invocation {
    let entry = Entry {
        event_bus_name: Some(BUS_NAME.to_owned()),
        source: Some(source.to_owned()),
        detail_type: Some(detail_type.to_owned()),
        detail: Some(detail.to_owned()),
        resources: Vec::new(),
        time: None,
        trace_header: None,
    };
    from_payload(PublishedEvent { id: Uuid::now_v7().to_string(), entry }.envelope())
}

/// Returns an operator's invocation that republishes the events of these orders.
#[must_use]
pub fn republish(order_ids: &[&str]) -> Invocation {
    from_payload(raw(&json!({"republish": {"orderIds": order_ids}})))
}

/// Returns an operator's invocation that republishes the stock of these products.
#[must_use]
pub fn republish_stock(product_ids: &[&str]) -> Invocation {
    from_payload(raw(&json!({"republish": {"productIds": product_ids}})))
}

pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("JSON")
}
