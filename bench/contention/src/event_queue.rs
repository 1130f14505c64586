//! OrderEventQueue in front of [`Queue`]: the calls to SQS that the function makes.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::orders::order_index;
use crate::queue::Queue;

/// URL of OrderEventQueue.
pub(crate) const URL: &str = "https://sqs/order-events";
/// URL of DeadLetterQueue.
pub(crate) const DEAD_LETTER_URL: &str = "https://sqs/dead-letters";

/// The time of a call to SQS, from the function and back. AWS does not publish it.
const CALL: Duration = Duration::from_millis(8);

/// A response of SQS: an HTTP status and a body.
pub(crate) type SqsResponse = (u16, String);

/// The queue that a function sends events to.
#[derive(Debug)]
pub struct EventQueue {
    /// The messages, or `None` if the queue accepts no message.
    messages: Option<Queue>,
    arrivals: Vec<Instant>,
    sent: Mutex<BTreeSet<usize>>,
    pauses: Mutex<HashMap<usize, Duration>>,
    dead_letters: AtomicUsize,
}

impl EventQueue {
    /// Returns a queue that accepts no message, so that the function retries contended events itself.
    #[must_use]
    pub fn refusing() -> Self {
        Self::new(None, Vec::new())
    }

    /// Returns an open queue. `arrivals` are the times at which the events of the orders arrive.
    #[must_use]
    pub fn accepting(messages: Queue, arrivals: Vec<Instant>) -> Self {
        Self::new(Some(messages), arrivals)
    }

    fn new(messages: Option<Queue>, arrivals: Vec<Instant>) -> Self {
        let (sent, pauses) = (Mutex::default(), Mutex::default());
        Self { messages, arrivals, sent, pauses, dead_letters: AtomicUsize::new(0) }
    }

    /// Returns the messages, if the queue accepts any.
    #[must_use]
    pub const fn messages(&self) -> Option<&Queue> {
        self.messages.as_ref()
    }

    /// Returns the number of events that the function has sent to the queue.
    #[must_use]
    pub fn received(&self) -> usize {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns true if the function has sent the event of an order to the queue.
    #[must_use]
    pub fn has_received(&self, order_index: usize) -> bool {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).contains(&order_index)
    }

    /// Returns and removes the pause that the function has set for a message.
    #[must_use]
    pub fn take_pause(&self, order_index: usize) -> Option<Duration> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).remove(&order_index)
    }

    /// Returns the number of events that the function has sent to the dead-letter queue.
    #[must_use]
    pub fn dead_letters(&self) -> usize {
        self.dead_letters.load(Ordering::Relaxed)
    }

    /// Responds to a request as SQS does, after the time that it takes.
    ///
    /// # Panics
    /// Panics at operations that the function does not use.
    pub(crate) async fn call(&self, operation: &str, body: &str) -> SqsResponse {
        let Some(messages) = &self.messages else {
            return (403, json!({"__type": "AccessDenied", "message": "no queue"}).to_string());
        };
        sleep(CALL).await;
        let request: Value = serde_json::from_str(body).expect("a request in JSON");
        match operation {
            "SendMessage" => self.send(messages, &request),
            "ChangeMessageVisibilityBatch" => self.postpone(&request),
            _ => panic!("the model does not support {operation}"),
        }
    }

    fn send(&self, messages: &Queue, request: &Value) -> SqsResponse {
        let body = request["MessageBody"].as_str().expect("a body");
        if request["QueueUrl"] == DEAD_LETTER_URL {
            self.dead_letters.fetch_add(1, Ordering::Relaxed);
        } else {
            let order_index = order_index(body);
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(order_index);
            messages.send(order_index, self.arrivals[order_index]);
        }
        (200, json!({"MessageId": "sent"}).to_string())
    }

    fn postpone(&self, request: &Value) -> SqsResponse {
        let mut successful = Vec::new();
        for entry in request["Entries"].as_array().expect("entries") {
            let order_index = entry["ReceiptHandle"].as_str().and_then(|handle| handle.parse().ok());
            let pause = Duration::from_secs(entry["VisibilityTimeout"].as_u64().expect("seconds"));
            let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
            pauses.insert(order_index.expect("the index of an order"), pause);
            successful.push(json!({"Id": entry["Id"]}));
        }
        (200, json!({"Successful": successful, "Failed": []}).to_string())
    }
}
