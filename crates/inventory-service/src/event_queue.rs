//! The queues of events that were not applied directly: OrderEventQueue, from which batches of
//! them are applied, and DeadLetterQueue.

use std::sync::LazyLock;
use std::time::Duration;

use aws::ServiceError;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures_util::{StreamExt as _, stream};
use lambda::InvocationError;
use serde::Serialize;
use serde_json::value::RawValue;

/// Maximum entries of a batch request:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
const MAX_ENTRIES: usize = 10;

/// Maximum number of concurrent calls to SQS. Each can open a connection.
pub(crate) const MAX_CONCURRENCY: usize = 8;

type CreateClient = Box<dyn FnOnce() -> Client + Send>;

/// OrderEventQueue and DeadLetterQueue. The client is created for the first call, because most
/// processes never need it.
#[derive(Debug)]
pub(crate) struct EventQueue {
    client: LazyLock<Client, CreateClient>,
    url: String,
    dead_letter_url: String,
}

/// A received message to deliver again after a pause.
#[derive(Debug)]
pub(crate) struct PostponedMessage<'a> {
    pub(crate) receipt_handle: &'a str,
    pub(crate) pause: Duration,
}

/// A dead letter in the format of Lambda's records of failed invocations:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeadLetter<'a> {
    request_payload: RequestPayload<'a>,
    response_payload: ResponsePayload<'a>,
}

/// The body of a message: an event, or text that is no JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum RequestPayload<'a> {
    Event(&'a RawValue),
    Text(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponsePayload<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

impl EventQueue {
    /// Creates the queues with these URLs. `create_client` runs when there is a first call.
    pub(crate) fn new(
        create_client: impl FnOnce() -> Client + Send + 'static,
        url: String,
        dead_letter_url: String,
    ) -> Self {
        Self { client: LazyLock::new(Box::new(create_client)), url, dead_letter_url }
    }

    /// Sends an event to OrderEventQueue, as the bus delivered it.
    ///
    /// # Errors
    /// [`ServiceError`] if the queue may not have the event.
    pub(crate) async fn send(&self, event: &RawValue) -> Result<(), ServiceError> {
        self.send_message(&self.url, event.get()).await
    }

    /// Sends the body of a message to DeadLetterQueue, with the reason.
    ///
    /// # Errors
    /// [`ServiceError`] if the queue may not have the message.
    pub(crate) async fn dead_letter(&self, body: &str, error: &InvocationError) -> Result<(), ServiceError> {
        let letter =
            dead_letter_body(body, error).map_err(|error| ServiceError::Permanent(error.to_string()))?;
        self.send_message(&self.dead_letter_url, &letter).await
    }

    async fn send_message(&self, url: &str, body: &str) -> Result<(), ServiceError> {
        self.client.send_message().queue_url(url).message_body(body).send().await?;
        Ok(())
    }

    /// Hides messages of OrderEventQueue until their pauses end. A message whose pause could not be
    /// set is delivered again after the visibility timeout of the queue.
    pub(crate) async fn postpone(&self, messages: &[PostponedMessage<'_>]) {
        let calls = messages.chunks(MAX_ENTRIES).map(|chunk| self.postpone_chunk(chunk));
        stream::iter(calls).buffer_unordered(MAX_CONCURRENCY).collect::<()>().await;
    }

    async fn postpone_chunk(&self, messages: &[PostponedMessage<'_>]) {
        let request = self.client.change_message_visibility_batch().queue_url(&self.url);
        let result = match entries(messages) {
            Ok(entries) => request.set_entries(Some(entries)).send().await.map_err(ServiceError::from),
            Err(error) => Err(error),
        };
        match result {
            Ok(output) if output.failed.is_empty() => {}
            Ok(output) => tracing::warn!(messages = output.failed.len(), "pauses not set"),
            Err(error) => tracing::warn!(messages = messages.len(), %error, "pauses not set"),
        }
    }
}

fn entries(
    messages: &[PostponedMessage<'_>],
) -> Result<Vec<ChangeMessageVisibilityBatchRequestEntry>, ServiceError> {
    let entry = |(index, message): (usize, &PostponedMessage<'_>)| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(index.to_string())
            .receipt_handle(message.receipt_handle)
            .visibility_timeout(message.pause.as_secs().try_into().unwrap_or(i32::MAX))
            .build()
            .map_err(|error| ServiceError::Permanent(error.to_string()))
    };
    messages.iter().enumerate().map(entry).collect()
}

fn dead_letter_body(body: &str, error: &InvocationError) -> serde_json::Result<String> {
    let request_payload = match serde_json::from_str(body) {
        Ok(event) => RequestPayload::Event(event),
        Err(_) => RequestPayload::Text(body),
    };
    let response_payload = ResponsePayload { error_type: error.error_type, error_message: &error.message };
    serde_json::to_string(&DeadLetter { request_payload, response_payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_contains_the_body_unchanged() {
        let error = InvocationError::new("MalformedEvent", "items are \"missing\"");
        let response =
            r#""responsePayload":{"errorType":"MalformedEvent","errorMessage":"items are \"missing\""}"#;
        for (body, payload) in [(r#"{"total": 1.50}"#, r#"{"total": 1.50}"#), ("no \"JSON", r#""no \"JSON""#)]
        {
            let letter = dead_letter_body(body, &error).unwrap();
            assert_eq!(letter, format!(r#"{{"requestPayload":{payload},{response}}}"#));
        }
    }
}
