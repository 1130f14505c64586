//! An EventBridge endpoint that takes events, keeps them for the test, and
//! fails when it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_eventbridge::Client as EventBridge;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aws_error::{AwsError, json_response};
use crate::clients::{REGION, eventbridge_client};
use crate::http::{Cut, Request, Response, Server};
use crate::proxy::Gate;
use crate::weather::Weather;

/// The bus that events belong on.
pub const BUS_NAME: &str = "orders-bus";

/// The most entries of one call.
const MAX_ENTRIES: usize = 10;

/// The most bytes of all entries of one call, as the API reference has it;
/// regions that take 1 MB take this too.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
const MAX_BYTES: usize = 256 * 1024;

/// What EventBridge counts for an entry's time.
const TIME_BYTES: usize = 14;

/// How the bus meets one call.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// As it should.
    Accept,
    /// HTTP 200, but the entries at these positions are refused with these error codes.
    Refuse(Vec<(usize, &'static str)>),
    /// The whole call is refused.
    Fail(AwsError),
    /// The connection is cut before anything is accepted.
    LoseRequest,
    /// The entries are accepted, then the connection is cut without an answer.
    LoseAnswer,
    /// The call is held back before anything is accepted, until the gate is opened.
    HoldRequest(Gate),
    /// The entries are accepted, but the answer is held back until the gate is opened.
    HoldAnswer(Gate),
}

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
}

impl Entry {
    /// The size in bytes, as EventBridge counts it.
    #[must_use]
    pub fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten();
        let texts = texts.chain(&self.resources).map(String::len).sum::<usize>();
        texts + self.time.map_or(0, |_| TIME_BYTES)
    }
}

/// An event that the bus accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The id that EventBridge gave it, new for each time it is accepted.
    pub id: String,
    /// The entry that it came as.
    pub entry: Entry,
}

impl Published {
    /// The event's type.
    #[must_use]
    pub fn detail_type(&self) -> &str {
        self.entry.detail_type.as_deref().unwrap_or_default()
    }

    /// The event's detail, as it was written.
    #[must_use]
    pub fn detail_text(&self) -> &str {
        self.entry.detail.as_deref().unwrap_or_default()
    }

    /// The event's detail.
    #[must_use]
    pub fn detail(&self) -> Value {
        serde_json::from_str(self.detail_text()).expect("a detail in JSON")
    }

    /// The event as a rule hands it to its targets, the detail as it was written.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
    #[must_use]
    pub fn envelope(&self) -> Box<RawValue> {
        let head = json!({
            "version": "0", "id": self.id, "detail-type": self.entry.detail_type, "source": self.entry.source,
            "account": "000000000000", "time": "2025-01-01T00:00:00Z", "region": REGION,
            "resources": self.entry.resources,
        });
        let head = head.to_string();
        let head = head.strip_suffix('}').expect("an object");
        RawValue::from_string(format!(r#"{head},"detail":{}}}"#, self.detail_text()))
            .expect("an event in JSON")
    }
}

/// An endpoint of EventBridge with one bus.
#[derive(Debug)]
pub struct Bus {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    script: VecDeque<Reaction>,
    otherwise: Reaction,
    weather: Option<Weather>,
    calls: Vec<Vec<Entry>>,
    published: Vec<Published>,
    taken: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            script: VecDeque::new(),
            otherwise: Reaction::Accept,
            weather: None,
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

    /// A client of this bus.
    #[must_use]
    pub fn client(&self) -> EventBridge {
        eventbridge_client(&self.server.url)
    }

    /// Meets the next calls with these reactions, one each. An SDK client
    /// makes three calls before it gives up on one that fails as a whole.
    pub fn script(&self, reactions: impl IntoIterator<Item = Reaction>) {
        self.lock().script.extend(reactions);
    }

    /// From now on, calls that no script is left for go wrong by chance.
    pub fn storm(&self, weather: Weather) {
        self.lock().weather = Some(weather);
    }

    /// Ends the storm, and returns what it was like.
    pub fn calm(&self) -> Option<Weather> {
        self.lock().weather.take()
    }

    /// Forgets what is left of the script.
    pub fn reset(&self) {
        self.lock().script.clear();
    }

    /// Meets every call that no script is left for with this reaction.
    pub fn otherwise(&self, reaction: Reaction) {
        self.lock().otherwise = reaction;
    }

    /// The entries of each call, whatever became of them, retries of the SDK included.
    #[must_use]
    pub fn calls(&self) -> Vec<Vec<Entry>> {
        self.lock().calls.clone()
    }

    /// Every event that was accepted, oldest first.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    /// The events that were accepted since this was last asked for.
    #[must_use]
    pub fn take(&self) -> Vec<Published> {
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

async fn put_events(state: &Mutex<State>, request: &Request) -> Result<Response, Cut> {
    let lock = || state.lock().expect("the state of the bus");
    let (entries, reaction) = lock().enter(request);
    if let Reaction::HoldRequest(gate) = &reaction {
        gate.pass().await;
    }
    let answer = lock().react(entries, &reaction);
    if let Reaction::HoldAnswer(gate) = &reaction {
        gate.pass().await;
    }
    answer
}

impl State {
    /// Takes down a call, and tells how it is met.
    fn enter(&mut self, request: &Request) -> (Vec<Entry>, Reaction) {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        assert_eq!(target, Some("AWSEvents.PutEvents"), "the bus knows no other operation");
        let PutEvents { entries } = serde_json::from_slice(request.body()).expect("a PutEvents in JSON");
        self.calls.push(entries.clone());
        let reaction = match (self.script.pop_front(), &mut self.weather) {
            (Some(reaction), _) => reaction,
            (None, Some(weather)) => weather.on_bus(entries.len()),
            (None, None) => self.otherwise.clone(),
        };
        (entries, reaction)
    }

    fn react(&mut self, entries: Vec<Entry>, reaction: &Reaction) -> Result<Response, Cut> {
        match reaction {
            Reaction::Accept | Reaction::HoldRequest(_) | Reaction::HoldAnswer(_) => {
                Ok(self.accept(entries, &[]))
            }
            Reaction::Refuse(refused) => Ok(self.accept(entries, refused)),
            Reaction::Fail(error) => Ok(error.response()),
            Reaction::LoseRequest => Err(Cut),
            Reaction::LoseAnswer => {
                self.accept(entries, &[]);
                Err(Cut)
            }
        }
    }

    fn accept(&mut self, entries: Vec<Entry>, refused: &[(usize, &str)]) -> Response {
        if let Some(error) = fault_of_call(&entries) {
            return error.response();
        }
        let results: Vec<Value> = entries
            .into_iter()
            .enumerate()
            .map(|(position, entry)| {
                let told = refused.iter().find(|(at, _)| *at == position).map(|(_, code)| *code);
                self.accept_entry(entry, told)
            })
            .collect();
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        json_response(200, &json!({"FailedEntryCount": failed, "Entries": results}))
    }

    fn accept_entry(&mut self, entry: Entry, refused: Option<&str>) -> Value {
        if let Some(code) = refused.or_else(|| fault_of_entry(&entry)) {
            return json!({"ErrorCode": code, "ErrorMessage": format!("{code} happened")});
        }
        let id = Uuid::now_v7().to_string();
        self.published.push(Published { id: id.clone(), entry });
        json!({"EventId": id})
    }
}

fn fault_of_call(entries: &[Entry]) -> Option<AwsError> {
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

fn fault_of_entry(entry: &Entry) -> Option<&'static str> {
    let text = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
    if !text(&entry.source) || !text(&entry.detail_type) || !text(&entry.detail) {
        return Some("InvalidArgument");
    }
    let detail: Option<Value> = entry.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok());
    (!detail.is_some_and(|detail| detail.is_object())).then_some("MalformedDetail")
}
