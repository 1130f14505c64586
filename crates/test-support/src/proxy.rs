//! A proxy in front of the DynamoDB engine. It records requests and injects failures that local
//! engines do not produce.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_dynamodb::Client as DynamoDb;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

use crate::aws_error::json_response;
use crate::clients::dynamodb_client;
use crate::engine;
use crate::fault::Fault;
use crate::fault_injector::FaultInjector;
use crate::fault_rule::{FaultRuleBuilder, FaultRules};
use crate::http::{Client, CloseConnection, Request, Response, Server};
use crate::request_units::{self, RequestUnits};

/// A DynamoDB endpoint that fails on demand.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    state: Arc<Mutex<State>>,
    upstream: Upstream,
}

/// The engine behind a proxy.
#[derive(Debug, Clone)]
struct Upstream {
    client: Client,
    /// Held for reading by each call while it takes effect, and for writing during a pause.
    calls: Arc<RwLock<()>>,
}

/// A pause of a proxy, until this is dropped.
#[derive(Debug)]
#[must_use = "the pause ends when this is dropped"]
pub struct Pause(#[expect(dead_code, reason = "held until it is dropped")] OwnedRwLockWriteGuard<()>);

#[derive(Debug, Default)]
struct State {
    rules: FaultRules,
    faults: Option<FaultInjector>,
    requests: Vec<(String, Bytes)>,
    /// Units that calls without a fault consumed, if metering is on.
    units: Option<RequestUnits>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let upstream = Upstream { client: Client::new(), calls: Arc::default() };
        let (shared, engine) = (Arc::clone(&state), upstream.clone());
        let server = Server::start(move |request| handle(Arc::clone(&shared), engine.clone(), request));
        Self { server, state, upstream }
    }

    /// Returns the URL of the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Returns a client whose calls go through the proxy.
    #[must_use]
    pub fn client(&self) -> DynamoDb {
        dynamodb_client(&self.server.url)
    }

    /// Starts a rule for calls of an operation, such as `PutItem`.
    ///
    /// By default the rule applies to the next call only. If several rules apply to a call, the first
    /// rule wins.
    #[must_use]
    pub fn on(&self, operation: &str) -> FaultRuleBuilder {
        self.lock().rules.builder(Some(operation))
    }

    /// Starts a rule like [`Proxy::on`] for calls of all operations.
    #[must_use]
    pub fn on_any_call(&self) -> FaultRuleBuilder {
        self.lock().rules.builder(None)
    }

    /// Injects faults into calls to which no rule applies.
    pub fn start_faults(&self, faults: FaultInjector) {
        self.lock().faults = Some(faults);
    }

    /// Stops injecting faults, and returns the injector.
    pub fn stop_faults(&self) -> Option<FaultInjector> {
        self.lock().faults.take()
    }

    /// Waits for the calls that are taking effect, and holds all later ones until the pause ends. In
    /// the meantime, the tables show one instant.
    pub async fn pause(&self) -> Pause {
        Pause(Arc::clone(&self.upstream.calls).write_owned().await)
    }

    /// Returns the number of calls of an operation. Retries of the SDK count as calls.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        self.requests(operation).len()
    }

    /// Returns the number of calls of each operation.
    #[must_use]
    pub fn calls_by_operation(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for (operation, _) in &self.lock().requests {
            *calls.entry(operation.clone()).or_default() += 1;
        }
        calls
    }

    /// Returns the requests of an operation, oldest first.
    #[must_use]
    pub fn requests(&self, operation: &str) -> Vec<Value> {
        let state = self.lock();
        let of_operation = state.requests.iter().filter(|(name, _)| name == operation);
        of_operation.map(|(_, body)| serde_json::from_slice(body).expect("a request in JSON")).collect()
    }

    /// Removes the recorded requests, the rules and the fault injector, and stops metering.
    pub fn reset(&self) {
        self.lock().reset(None);
    }

    /// Resets the proxy, then starts to count the units that calls consume.
    pub fn start_metering(&self) {
        self.lock().reset(Some(RequestUnits::default()));
    }

    /// Returns the units that calls have consumed since [`Proxy::start_metering`].
    #[must_use]
    pub fn consumed_units(&self) -> RequestUnits {
        self.lock().units.clone().expect("a proxy that counts units")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the proxy")
    }
}

impl State {
    fn reset(&mut self, units: Option<RequestUnits>) {
        self.rules.clear();
        *self = Self { rules: self.rules.clone(), units, ..Self::default() };
    }

    /// Records a call, and chooses the fault for it.
    fn record(&mut self, operation: &str, body: &Bytes) -> Option<Fault> {
        self.requests.push((operation.to_owned(), body.clone()));
        if let Some(fault) = self.rules.fault_for(operation) {
            return Some(fault);
        }
        self.faults.as_mut()?.on_dynamodb(operation, body)
    }
}

async fn handle(
    state: Arc<Mutex<State>>,
    upstream: Upstream,
    request: Request,
) -> Result<Response, CloseConnection> {
    let operation = operation_of(&request);
    let (fault, metered) = {
        let mut state = state.lock().expect("the state of the proxy");
        (state.record(&operation, request.body()), state.units.is_some())
    };
    match fault {
        None if metered => Ok(forward_metered(&state, &upstream, &operation, request).await),
        None => Ok(upstream.forward(request).await),
        Some(Fault::Error(error)) => Ok(error.response()),
        Some(Fault::DropRequest) => Err(CloseConnection),
        Some(Fault::DropResponse) => {
            upstream.forward(request).await;
            Err(CloseConnection)
        }
        Some(Fault::LeaveKeysUnprocessed(keys)) => Ok(forward_in_part(&upstream, request, keys).await),
        Some(Fault::HoldRequest(gate)) => {
            gate.pass().await;
            Ok(upstream.forward(request).await)
        }
        Some(Fault::HoldResponse(gate)) => {
            let response = upstream.forward(request).await;
            gate.pass().await;
            Ok(response)
        }
    }
}

/// Returns the operation, from a header such as `DynamoDB_20120810.PutItem`.
fn operation_of(request: &Request) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let (_, operation) = target.and_then(|target| target.split_once('.')).expect("a DynamoDB call");
    operation.to_owned()
}

impl Upstream {
    /// Sends a call to the engine. It completes even if the client closes its connection, so that no
    /// call takes effect during a pause.
    async fn forward(&self, mut request: Request) -> Response {
        let url = format!("{}{}", engine::endpoint(), request.uri().path());
        *request.uri_mut() = url.parse().expect("a URL");
        let Self { client, calls } = self.clone();
        let call = tokio::spawn(async move {
            let _in_progress = calls.read().await;
            client.send(request).await
        });
        let mut response = call.await.expect("a response of the engine");
        // These headers describe the connection to the engine. The server sets its own.
        for header in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            response.headers_mut().remove(header);
        }
        response
    }
}

async fn forward_metered(
    state: &Mutex<State>,
    upstream: &Upstream,
    operation: &str,
    mut request: Request,
) -> Response {
    let body = request.body().clone();
    request_units::request_consumed_capacity(&mut request);
    let response = upstream.forward(request).await;
    if let Some(units) = &mut state.lock().expect("the state of the proxy").units {
        request_units::add(units, operation, &body, &response);
    }
    response
}

async fn forward_in_part(upstream: &Upstream, mut request: Request, keys: usize) -> Response {
    let mut body: Value = serde_json::from_slice(request.body()).expect("a request in JSON");
    let unprocessed = remove_keys(body["RequestItems"].as_object_mut().expect("a BatchGetItem"), keys);
    let mut response = if body["RequestItems"] == json!({}) {
        json!({"Responses": {}})
    } else {
        *request.body_mut() = Bytes::from(body.to_string());
        request.headers_mut().remove(CONTENT_LENGTH);
        let response = upstream.forward(request).await;
        assert!(response.status().is_success(), "BatchGetItem failed: {:?}", response.body());
        serde_json::from_slice(response.body()).expect("a response in JSON")
    };
    for table in unprocessed.keys() {
        response["Responses"].as_object_mut().expect("responses").entry(table).or_insert_with(|| json!([]));
    }
    response["UnprocessedKeys"] = unprocessed.into();
    json_response(200, &response)
}

/// Removes the last `keys` keys from a request, and returns them in the same form.
fn remove_keys(tables: &mut Map<String, Value>, mut keys: usize) -> Map<String, Value> {
    let mut removed = Map::new();
    for (table, request) in tables.iter_mut().rev() {
        let all = request["Keys"].as_array_mut().expect("keys");
        let tail = all.split_off(all.len().saturating_sub(keys));
        keys -= tail.len();
        if !tail.is_empty() {
            let mut rest = request.clone();
            rest["Keys"] = tail.into();
            removed.insert(table.clone(), rest);
        }
    }
    tables.retain(|_, request| request["Keys"] != json!([]));
    removed
}
