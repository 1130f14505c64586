//! A proxy before the DynamoDB engine: records what is asked, and makes
//! DynamoDB fail on demand in ways that no local engine fails by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::aws_error::{AwsError, json_response};
use crate::clients::dynamodb_client;
use crate::engine;
use crate::http::{Client, Cut, Request, Response, Server};
use crate::units::{self, Units};
use crate::weather::Weather;

/// How long a test waits for a call that it expects.
const PATIENCE: Duration = Duration::from_secs(20);

/// A DynamoDB endpoint that fails when it is told to.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    weather: Option<Weather>,
    requests: Vec<(String, Bytes)>,
    /// What the calls consumed that no rule acted on, where that is counted.
    units: Option<Units>,
}

#[derive(Debug)]
struct Rule {
    /// The operation whose calls it acts on; none for every one.
    operation: Option<String>,
    skip: usize,
    times: usize,
    fault: Fault,
}

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Error(AwsError),
    LoseRequest,
    LoseAnswer,
    LeaveOutKeys(usize),
    HoldRequest(Gate),
    HoldAnswer(Gate),
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, client) = (Arc::clone(&state), Client::new());
        let server = Server::start(move |request| handle(Arc::clone(&shared), client.clone(), request));
        Self { server, state }
    }

    /// A client whose calls go through the proxy.
    #[must_use]
    pub fn client(&self) -> DynamoDb {
        dynamodb_client(&self.server.url)
    }

    /// Begins a rule for the calls of an operation, such as `PutItem`: by
    /// default it acts on the next one only. Of several rules, the first that
    /// acts on a call is the only one that does.
    #[must_use]
    pub fn on(&self, operation: &str) -> On<'_> {
        On { proxy: self, operation: Some(operation.to_owned()), skip: 0, times: 1 }
    }

    /// Begins a rule like [`Proxy::on`] for the calls of whatever operation.
    #[must_use]
    pub fn on_any_call(&self) -> On<'_> {
        On { proxy: self, operation: None, skip: 0, times: 1 }
    }

    /// From now on, calls that no rule acts on go wrong by chance.
    pub fn storm(&self, weather: Weather) {
        self.lock().weather = Some(weather);
    }

    /// Ends the storm, and returns what it was like.
    pub fn calm(&self) -> Option<Weather> {
        self.lock().weather.take()
    }

    /// How many calls of an operation there were, retries of the SDK included.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        self.requests(operation).len()
    }

    /// How many calls there were of each operation.
    #[must_use]
    pub fn calls_by_operation(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for (operation, _) in &self.lock().requests {
            *calls.entry(operation.clone()).or_default() += 1;
        }
        calls
    }

    /// The requests of an operation, oldest first.
    #[must_use]
    pub fn requests(&self, operation: &str) -> Vec<Value> {
        let state = self.lock();
        let of_operation = state.requests.iter().filter(|(name, _)| name == operation);
        of_operation.map(|(_, body)| serde_json::from_slice(body).expect("a request in JSON")).collect()
    }

    /// Forgets the calls so far, the rules that have not acted yet, and the storm.
    pub fn reset(&self) {
        *self.lock() = State::default();
    }

    /// As [`Proxy::reset`], and counts from now on what calls consume.
    pub fn meter(&self) {
        *self.lock() = State { units: Some(Units::default()), ..State::default() };
    }

    /// What the calls consumed since [`Proxy::meter`].
    #[must_use]
    pub fn units(&self) -> Units {
        self.lock().units.clone().expect("a proxy that counts units")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the proxy")
    }
}

impl State {
    /// Takes down a call, and tells what goes wrong with it.
    fn enter(&mut self, operation: &str, body: &Bytes) -> Option<Fault> {
        self.requests.push((operation.to_owned(), body.clone()));
        let concerned =
            |rule: &&mut Rule| rule.times > 0 && rule.operation.as_ref().is_none_or(|name| name == operation);
        for rule in self.rules.iter_mut().filter(concerned) {
            if rule.skip == 0 {
                rule.times -= 1;
                return Some(rule.fault.clone());
            }
            rule.skip -= 1;
        }
        self.weather.as_mut()?.on_dynamodb(operation, body)
    }
}

/// A rule that is being put together.
#[derive(Debug)]
pub struct On<'a> {
    proxy: &'a Proxy,
    operation: Option<String>,
    skip: usize,
    times: usize,
}

impl On<'_> {
    /// Acts from the `n`th call on, counted from 1 and from now.
    #[must_use]
    pub fn nth(self, n: usize) -> Self {
        Self { skip: n.checked_sub(1).expect("calls are counted from 1"), ..self }
    }

    /// Acts on this many calls.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Acts on every call.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Answers with an error; the call takes no effect.
    pub fn fail(self, error: AwsError) {
        self.add(Fault::Error(error));
    }

    /// Cuts the connection; the call takes no effect.
    pub fn lose_request(self) {
        self.add(Fault::LoseRequest);
    }

    /// Lets the call take effect, then cuts the connection without an answer.
    pub fn lose_answer(self) {
        self.add(Fault::LoseAnswer);
    }

    /// For `BatchGetItem`: answers without the last `keys` keys, whatever their
    /// tables, and lists them as unprocessed.
    pub fn leave_out_keys(self, keys: usize) {
        self.add(Fault::LeaveOutKeys(keys));
    }

    /// Holds the call back before it takes effect, until the gate is opened.
    /// A client that gives up waiting takes its call back.
    #[must_use]
    pub fn hold_request(self) -> Gate {
        let gate = Gate::default();
        self.add(Fault::HoldRequest(gate.clone()));
        gate
    }

    /// Lets the call take effect, but holds the answer back until the gate is opened.
    #[must_use]
    pub fn hold_answer(self) -> Gate {
        let gate = Gate::default();
        self.add(Fault::HoldAnswer(gate.clone()));
        gate
    }

    fn add(self, fault: Fault) {
        let Self { proxy, operation, skip, times } = self;
        proxy.lock().rules.push(Rule { operation, skip, times, fault });
    }
}

/// Where calls wait until the test lets them go on.
#[derive(Debug, Clone)]
pub struct Gate {
    arrivals: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrivals: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    /// Waits until a call stands at the gate, one more each time; not for ever.
    pub async fn reached(&self) {
        let arrival = tokio::time::timeout(PATIENCE, self.arrivals.acquire()).await;
        arrival.expect("no call came to the gate").expect("arrivals are never closed").forget();
    }

    /// Lets everything through, from now on.
    pub fn open(&self) {
        self.open.close();
    }

    pub(crate) async fn pass(&self) {
        self.arrivals.add_permits(1);
        // Nobody ever gets a permit: the wait ends with an error once the gate is open.
        let _ = self.open.acquire().await;
    }
}

async fn handle(state: Arc<Mutex<State>>, client: Client, request: Request) -> Result<Response, Cut> {
    let operation = operation_of(&request);
    let (fault, metered) = {
        let mut state = state.lock().expect("the state of the proxy");
        (state.enter(&operation, request.body()), state.units.is_some())
    };
    match fault {
        None if metered => Ok(forward_metered(&state, &client, &operation, request).await),
        None => Ok(forward(&client, request).await),
        Some(Fault::Error(error)) => Ok(error.response()),
        Some(Fault::LoseRequest) => Err(Cut),
        Some(Fault::LoseAnswer) => {
            forward(&client, request).await;
            Err(Cut)
        }
        Some(Fault::LeaveOutKeys(keys)) => Ok(forward_in_part(&client, request, keys).await),
        Some(Fault::HoldRequest(gate)) => {
            gate.pass().await;
            Ok(forward(&client, request).await)
        }
        Some(Fault::HoldAnswer(gate)) => {
            let answer = forward(&client, request).await;
            gate.pass().await;
            Ok(answer)
        }
    }
}

/// The operation, from a header like `DynamoDB_20120810.PutItem`.
fn operation_of(request: &Request) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let (_, operation) = target.and_then(|target| target.split_once('.')).expect("a call of DynamoDB");
    operation.to_owned()
}

async fn forward(client: &Client, mut request: Request) -> Response {
    let url = format!("{}{}", engine::endpoint(), request.uri().path());
    *request.uri_mut() = url.parse().expect("a URL");
    let mut answer = client.send(request).await;
    // How the body came is the engine's affair, how it goes on is the server's.
    for header in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        answer.headers_mut().remove(header);
    }
    answer
}

async fn forward_metered(
    state: &Mutex<State>,
    client: &Client,
    operation: &str,
    mut request: Request,
) -> Response {
    let asked = request.body().clone();
    units::ask(&mut request);
    let answer = forward(client, request).await;
    if let Some(units) = &mut state.lock().expect("the state of the proxy").units {
        units::add(units, operation, &asked, &answer);
    }
    answer
}

async fn forward_in_part(client: &Client, mut request: Request, keys: usize) -> Response {
    let mut asked: Value = serde_json::from_slice(request.body()).expect("a request in JSON");
    let left_out = leave_out(asked["RequestItems"].as_object_mut().expect("a BatchGetItem"), keys);
    let mut answer = if asked["RequestItems"] == json!({}) {
        json!({"Responses": {}})
    } else {
        *request.body_mut() = Bytes::from(asked.to_string());
        request.headers_mut().remove(CONTENT_LENGTH);
        let answer = forward(client, request).await;
        assert!(answer.status().is_success(), "BatchGetItem answered {:?}", answer.body());
        serde_json::from_slice(answer.body()).expect("an answer in JSON")
    };
    for table in left_out.keys() {
        answer["Responses"].as_object_mut().expect("responses").entry(table).or_insert_with(|| json!([]));
    }
    answer["UnprocessedKeys"] = left_out.into();
    json_response(200, &answer)
}

/// Takes the last `keys` keys out of what is asked for; what was taken.
fn leave_out(tables: &mut Map<String, Value>, mut keys: usize) -> Map<String, Value> {
    let mut left_out = Map::new();
    for (table, wanted) in tables.iter_mut().rev() {
        let all = wanted["Keys"].as_array_mut().expect("keys");
        let taken = all.split_off(all.len().saturating_sub(keys));
        keys -= taken.len();
        if !taken.is_empty() {
            let mut rest = wanted.clone();
            rest["Keys"] = taken.into();
            left_out.insert(table.clone(), rest);
        }
    }
    tables.retain(|_, wanted| wanted["Keys"] != json!([]));
    left_out
}
