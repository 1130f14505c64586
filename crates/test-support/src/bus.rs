//! An EventBridge endpoint with one bus. It records the accepted events and fails on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_eventbridge::Client as EventBridge;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aws_error::{AwsError, json_response};
use crate::clients::{REGION, eventbridge_client};
use crate::fault::{BusBehavior, EntryRejection};
use crate::fault_injector::FaultInjector;
use crate::http::{CloseConnection, Request, Response, Server};

/// The name of the bus that OrderServiceFunction publishes to.
pub const BUS_NAME: &str = "orders-bus";

/// The maximum number of entries in one call.
const MAX_ENTRIES: usize = 10;

/// The maximum size of all entries in one call, in bytes.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
const MAX_BYTES: usize = 1024 * 1024;

/// The bytes that EventBridge counts for an entry's time.
const TIME_BYTES: usize = 14;

/// An entry of a PutEvents call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the fields carry the names of the API")]
pub struct Entry {
    pub event_bus_name: Option<String>,
    pub source: Option<String>,
    pub detail_type: Option<String>,
    pub detail: Option<String>,
    #[serde(default)]
    pub resources: Vec<String>,
    pub time: Option<f64>,
    pub trace_header: Option<String>,
}

impl Entry {
    /// Returns the size in bytes, as EventBridge counts it.
    #[must_use]
    pub fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten();
        let text_bytes = texts.chain(&self.resources).map(String::len).sum::<usize>();
        text_bytes + self.time.map_or(0, |_| TIME_BYTES)
    }
}

/// An event that the bus has accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedEvent {
    /// The event id that EventBridge assigned. It is unique for each accepted entry.
    pub id: String,
    /// The accepted entry.
    pub entry: Entry,
}

impl PublishedEvent {
    /// Returns the event's type.
    #[must_use]
    pub fn detail_type(&self) -> &str {
        self.entry.detail_type.as_deref().unwrap_or_default()
    }

    /// Returns the event's raw detail.
    #[must_use]
    pub fn detail_text(&self) -> &str {
        self.entry.detail.as_deref().unwrap_or_default()
    }

    /// Returns the event's detail as JSON.
    #[must_use]
    pub fn detail(&self) -> Value {
        serde_json::from_str(self.detail_text()).expect("a detail in JSON")
    }

    /// Returns the event as a rule delivers it to a target, with the raw detail.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
    #[must_use]
    pub fn envelope(&self) -> Box<RawValue> {
        let head = json!({
            "version": "0", "id": self.id, "detail-type": self.entry.detail_type, "source": self.entry.source,
            "account": "000000000000", "time": "2025-01-01T00:00:00Z", "region": REGION,
            "resources": self.entry.resources,
        })
        .to_string();
        let fields = head.strip_suffix('}').expect("an object");
        RawValue::from_string(format!(r#"{fields},"detail":{}}}"#, self.detail_text()))
            .expect("an event in JSON")
    }
}

/// An EventBridge endpoint with one bus.
#[derive(Debug)]
pub struct Bus {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    script: VecDeque<BusBehavior>,
    default: BusBehavior,
    faults: Option<FaultInjector>,
    calls: Vec<Vec<Entry>>,
    published: Vec<PublishedEvent>,
    /// The number of published events that [`Bus::take_new`] has returned.
    taken: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            script: VecDeque::new(),
            default: BusBehavior::Accept,
            faults: None,
            calls: Vec::new(),
            published: Vec::new(),
            taken: 0,
        }
    }
}

impl Bus {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let shared = Arc::clone(&shared);
            async move { put_events(&shared, &request).await }
        });
        Self { server, state }
    }

    /// Returns a client of the bus.
    #[must_use]
    pub fn client(&self) -> EventBridge {
        eventbridge_client(&self.server.url)
    }

    /// Appends behaviors for the next calls, one for each. An SDK client makes three calls before it
    /// returns the error of a failing call.
    pub fn script(&self, behaviors: impl IntoIterator<Item = BusBehavior>) {
        self.lock().script.extend(behaviors);
    }

    /// Injects faults into calls that have no scripted behavior.
    pub fn start_faults(&self, faults: FaultInjector) {
        self.lock().faults = Some(faults);
    }

    /// Stops injecting faults, and returns the injector.
    pub fn stop_faults(&self) -> Option<FaultInjector> {
        self.lock().faults.take()
    }

    /// Makes all calls without a scripted behavior fail as unavailable, or ends that, while faults are
    /// injected.
    pub fn set_outage(&self, is_out: bool) {
        self.lock().faults.as_mut().expect("injected faults").set_outage(is_out);
    }

    /// Removes the scripted behaviors that are not used yet.
    pub fn reset(&self) {
        self.lock().script.clear();
    }

    /// Sets the behavior for calls that have no scripted one.
    pub fn set_default(&self, behavior: BusBehavior) {
        self.lock().default = behavior;
    }

    /// Returns the entries of each call, accepted or not. Retries of the SDK count as calls.
    #[must_use]
    pub fn calls(&self) -> Vec<Vec<Entry>> {
        self.lock().calls.clone()
    }

    /// Returns every accepted event, oldest first.
    #[must_use]
    pub fn published(&self) -> Vec<PublishedEvent> {
        self.lock().published.clone()
    }

    /// Returns the events that were accepted since the last call of this method.
    #[must_use]
    pub fn take_new(&self) -> Vec<PublishedEvent> {
        let mut state = self.lock();
        let new = state.published[state.taken..].to_vec();
        state.taken = state.published.len();
        new
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the bus")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

async fn put_events(state: &Mutex<State>, request: &Request) -> Result<Response, CloseConnection> {
    let lock = || state.lock().expect("the state of the bus");
    let (entries, behavior) = lock().record(request);
    if let BusBehavior::HoldRequest(gate) = &behavior {
        gate.pass().await;
    }
    let response = lock().respond(entries, &behavior);
    if let BusBehavior::HoldResponse(gate) = &behavior {
        gate.pass().await;
    }
    response
}

impl State {
    /// Records a call, and chooses the behavior for it.
    fn record(&mut self, request: &Request) -> (Vec<Entry>, BusBehavior) {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        assert_eq!(target, Some("AWSEvents.PutEvents"), "the bus has no other operation");
        let PutEvents { entries } = serde_json::from_slice(request.body()).expect("a PutEvents in JSON");
        self.calls.push(entries.clone());
        let behavior = match (self.script.pop_front(), &mut self.faults) {
            (Some(behavior), _) => behavior,
            (None, Some(faults)) => faults.on_bus(entries.len()),
            (None, None) => self.default.clone(),
        };
        (entries, behavior)
    }

    fn respond(&mut self, entries: Vec<Entry>, behavior: &BusBehavior) -> Result<Response, CloseConnection> {
        match behavior {
            BusBehavior::Accept | BusBehavior::HoldRequest(_) | BusBehavior::HoldResponse(_) => {
                Ok(self.accept(entries, &[]))
            }
            BusBehavior::Reject(rejections) => Ok(self.accept(entries, rejections)),
            BusBehavior::Fail(error) => Ok(error.response()),
            BusBehavior::DropRequest => Err(CloseConnection),
            BusBehavior::DropResponse => {
                self.accept(entries, &[]);
                Err(CloseConnection)
            }
        }
    }

    fn accept(&mut self, entries: Vec<Entry>, rejections: &[EntryRejection]) -> Response {
        if let Some(error) = error_of_call(&entries) {
            return error.response();
        }
        let mut results = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let rejection = rejections.iter().find(|rejection| rejection.index == index);
            results.push(self.accept_entry(entry, rejection.map(|rejection| rejection.error_code)));
        }
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        json_response(200, &json!({"FailedEntryCount": failed, "Entries": results}))
    }

    fn accept_entry(&mut self, entry: Entry, error_code: Option<&str>) -> Value {
        if let Some(code) = error_code.or_else(|| error_of_entry(&entry)) {
            return json!({"ErrorCode": code, "ErrorMessage": format!("{code} happened")});
        }
        let id = Uuid::now_v7().to_string();
        self.published.push(PublishedEvent { id: id.clone(), entry });
        json!({"EventId": id})
    }
}

/// Returns the error of a call that exceeds a limit.
fn error_of_call(entries: &[Entry]) -> Option<AwsError> {
    let invalid = |message: &str| Some(AwsError::new(400, "ValidationException", message));
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        let count = entries.len();
        return invalid(&format!(
            "1 validation error detected: 'entries' must have 1 to 10 members, not {count}"
        ));
    }
    if entries.iter().map(Entry::size).sum::<usize>() > MAX_BYTES {
        return invalid("Total size of the entries in the request is over the limit.");
    }
    None
}

/// Returns the error code of an invalid entry.
fn error_of_entry(entry: &Entry) -> Option<&'static str> {
    let has_text = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
    if !has_text(&entry.source) || !has_text(&entry.detail_type) || !has_text(&entry.detail) {
        return Some("InvalidArgument");
    }
    let detail: Option<Value> = entry.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok());
    (!detail.is_some_and(|detail| detail.is_object())).then_some("MalformedDetail")
}
