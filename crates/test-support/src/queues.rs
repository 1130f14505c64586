//! An SQS endpoint with OrderEventQueue and DeadLetterQueue. It fails on demand.

use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_sqs::Client as Sqs;
use lambda::clock::unix_millis;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aws_error::json_response;
use crate::clients::sqs_client;
use crate::fault::Fault;
use crate::fault_injector::FaultInjector;
use crate::fault_rule::{FaultRuleBuilder, FaultRules};
use crate::http::{CloseConnection, Request, Response, Server};

/// The URL of OrderEventQueue.
pub const ORDER_EVENT_QUEUE_URL: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/order-events";

/// The URL of DeadLetterQueue.
pub const DEAD_LETTER_QUEUE_URL: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/dead-letters";

/// The maximum entries of a batch request.
const MAX_ENTRIES: usize = 10;

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The message id. It is also the receipt handle.
    pub id: String,
    /// The body.
    pub body: String,
    /// The number of times that the queue delivered the message.
    pub receive_count: usize,
    /// The time of arrival in milliseconds since the Unix epoch.
    pub sent_at: u64,
    /// The pause before the next delivery in seconds, if the consumer has set it.
    pub pause: Option<u64>,
}

impl QueuedMessage {
    /// Returns the message as Lambda passes it to a function.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
    #[must_use]
    pub fn record(&self) -> Value {
        json!({
            "messageId": self.id, "receiptHandle": self.id, "eventSource": "aws:sqs", "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": self.receive_count.to_string(),
                "SentTimestamp": self.sent_at.to_string(),
            },
        })
    }
}

/// OrderEventQueue and DeadLetterQueue.
#[derive(Debug)]
pub struct Queues {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    rules: FaultRules,
    faults: Option<FaultInjector>,
    calls: Vec<String>,
    order_events: Vec<QueuedMessage>,
    dead_letters: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    queue_url: String,
    message_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeMessageVisibilityBatch {
    queue_url: String,
    entries: Vec<VisibilityEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VisibilityEntry {
    id: String,
    receipt_handle: String,
    visibility_timeout: u64,
}

impl Queues {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let shared = Arc::clone(&shared);
            async move { handle(&shared, &request).await }
        });
        Self { server, state }
    }

    /// Returns a client of the queues.
    #[must_use]
    pub fn client(&self) -> Sqs {
        sqs_client(&self.server.url)
    }

    /// Starts a rule for calls of an operation, `SendMessage` or `ChangeMessageVisibilityBatch`. By
    /// default it applies to the next call only.
    #[must_use]
    pub fn on(&self, operation: &str) -> FaultRuleBuilder {
        self.lock().rules.builder(Some(operation))
    }

    /// Injects faults into calls to which no rule applies.
    pub fn start_faults(&self, faults: FaultInjector) {
        self.lock().faults = Some(faults);
    }

    /// Stops injecting faults, and returns the injector.
    pub fn stop_faults(&self) -> Option<FaultInjector> {
        self.lock().faults.take()
    }

    /// Removes the rules and the recorded calls. The messages stay.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.rules.clear();
        state.calls.clear();
    }

    /// Returns the number of calls of an operation. Retries of the SDK count as calls.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        self.lock().calls.iter().filter(|call| *call == operation).count()
    }

    /// Returns the messages of OrderEventQueue, oldest first.
    #[must_use]
    pub fn order_events(&self) -> Vec<QueuedMessage> {
        self.lock().order_events.clone()
    }

    /// Receives up to `count` messages of OrderEventQueue, oldest first, whether or not their pause
    /// has ended. They stay in the queue until they are deleted.
    #[must_use]
    pub fn receive(&self, count: usize) -> Vec<QueuedMessage> {
        self.receive_if(count, |_| true)
    }

    /// Receives messages like [`Queues::receive`], but only the visible ones.
    pub fn receive_if(
        &self,
        count: usize,
        is_visible: impl Fn(&QueuedMessage) -> bool,
    ) -> Vec<QueuedMessage> {
        let mut received = Vec::new();
        for message in self.lock().order_events.iter_mut().filter(|message| is_visible(message)).take(count) {
            message.receive_count += 1;
            message.pause = None;
            received.push(message.clone());
        }
        received
    }

    /// Deletes a message of OrderEventQueue.
    pub fn delete(&self, id: &str) {
        self.lock().order_events.retain(|message| message.id != id);
    }

    /// Moves the time of arrival of messages of OrderEventQueue to the past.
    pub fn age_messages(&self, milliseconds: u64, is_chosen: impl Fn(&QueuedMessage) -> bool) {
        for message in self.lock().order_events.iter_mut().filter(|message| is_chosen(message)) {
            message.sent_at -= milliseconds;
        }
    }

    /// Returns the messages of DeadLetterQueue as JSON, oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<Value> {
        let letters = &self.lock().dead_letters;
        letters.iter().map(|body| serde_json::from_str(body).expect("a dead letter in JSON")).collect()
    }

    /// Removes a message of DeadLetterQueue with this event and returns it as JSON, if there is one.
    #[must_use]
    pub fn take_dead_letter(&self, event: &str) -> Option<Value> {
        let event: Value = serde_json::from_str(event).expect("an event in JSON");
        let index = self.dead_letters().iter().position(|letter| letter["requestPayload"] == event)?;
        let letter = self.lock().dead_letters.remove(index);
        Some(serde_json::from_str(&letter).expect("a dead letter in JSON"))
    }

    /// Removes the messages of DeadLetterQueue and returns them as JSON, oldest first.
    #[must_use]
    pub fn take_dead_letters(&self) -> Vec<Value> {
        let letters = self.dead_letters();
        self.lock().dead_letters.clear();
        letters
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the queues")
    }
}

async fn handle(state: &Mutex<State>, request: &Request) -> Result<Response, CloseConnection> {
    let lock = || state.lock().expect("the state of the queues");
    let operation = operation_of(request);
    let fault = lock().record(&operation);
    match fault {
        None => Ok(lock().respond(&operation, request)),
        Some(Fault::Error(error)) => Ok(error.response()),
        Some(Fault::DropRequest) => Err(CloseConnection),
        Some(Fault::DropResponse) => {
            lock().respond(&operation, request);
            Err(CloseConnection)
        }
        Some(Fault::HoldRequest(gate)) => {
            gate.pass().await;
            Ok(lock().respond(&operation, request))
        }
        Some(Fault::HoldResponse(gate)) => {
            let response = lock().respond(&operation, request);
            gate.pass().await;
            Ok(response)
        }
        Some(fault @ Fault::LeaveKeysUnprocessed(_)) => panic!("a queue cannot have {fault:?}"),
    }
}

/// Returns the operation, from a header such as `AmazonSQS.SendMessage`.
fn operation_of(request: &Request) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    target.and_then(|target| target.strip_prefix("AmazonSQS.")).expect("a call to SQS").to_owned()
}

impl State {
    /// Records a call, and chooses the fault for it.
    fn record(&mut self, operation: &str) -> Option<Fault> {
        self.calls.push(operation.to_owned());
        if let Some(fault) = self.rules.fault_for(operation) {
            return Some(fault);
        }
        self.faults.as_mut()?.on_sqs()
    }

    fn respond(&mut self, operation: &str, request: &Request) -> Response {
        let body = request.body();
        match operation {
            "SendMessage" => self.send(serde_json::from_slice(body).expect("a SendMessage in JSON")),
            "ChangeMessageVisibilityBatch" => {
                self.change_visibility(serde_json::from_slice(body).expect("a visibility change in JSON"))
            }
            _ => panic!("the queues have no operation {operation}"),
        }
    }

    fn send(&mut self, SendMessage { queue_url, message_body }: SendMessage) -> Response {
        let id = Uuid::now_v7().to_string();
        match queue_url.as_str() {
            ORDER_EVENT_QUEUE_URL => self.order_events.push(QueuedMessage {
                id: id.clone(),
                body: message_body,
                receive_count: 0,
                sent_at: unix_millis(),
                pause: None,
            }),
            DEAD_LETTER_QUEUE_URL => self.dead_letters.push(message_body),
            _ => panic!("{queue_url} is not a queue"),
        }
        json_response(200, &json!({"MessageId": id}))
    }

    fn change_visibility(&mut self, change: ChangeMessageVisibilityBatch) -> Response {
        let ChangeMessageVisibilityBatch { queue_url, entries } = change;
        assert_eq!(queue_url, ORDER_EVENT_QUEUE_URL);
        assert!((1..=MAX_ENTRIES).contains(&entries.len()), "{} entries", entries.len());
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for VisibilityEntry { id, receipt_handle, visibility_timeout } in entries {
            match self.order_events.iter_mut().find(|message| message.id == receipt_handle) {
                Some(message) => {
                    message.pause = Some(visibility_timeout);
                    successful.push(json!({"Id": id}));
                }
                None => failed.push(json!({"Id": id, "SenderFault": true, "Code": "ReceiptHandleIsInvalid"})),
            }
        }
        json_response(200, &json!({"Successful": successful, "Failed": failed}))
    }
}
