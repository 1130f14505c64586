//! Failed messages of a queue batch: an event that can never be applied goes to the dead-letter
//! queue with its reason, and the queue delivers every other event again after a pause.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use futures_util::{StreamExt as _, stream};
use lambda::clock::unix_millis;
use lambda::{Deadline, InvocationError};

use crate::apply_error::is_permanent;
use crate::event_queue::{EventQueue, MAX_CONCURRENCY, PostponedMessage};

/// Time reserved for the calls of [`settle`].
pub(crate) const SETTLE_TIME: Duration = Duration::from_secs(4);

/// Pause before the second delivery. It doubles with each further delivery.
const BASE_PAUSE: Duration = Duration::from_secs(4);
/// Maximum pause. An outage that ends is noticed within this time.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// Age of a message from which it is not delivered again, longer than any outage of DynamoDB so far.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// `ApproximateReceiveCount` and `SentTimestamp` (milliseconds since the Unix epoch):
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
const RECEIVE_COUNT: &str = "ApproximateReceiveCount";
const SENT_TIMESTAMP: &str = "SentTimestamp";

/// A message whose event was not applied.
#[derive(Debug)]
pub(crate) struct FailedMessage {
    /// Index in the batch.
    pub(crate) message: usize,
    pub(crate) error: InvocationError,
}

/// Sends the events that will not be delivered again to the dead-letter queue, sets the pauses of the
/// remaining ones and names those in the response.
///
/// A message stays in the queue unless the dead-letter queue has accepted it.
pub(crate) async fn settle(
    queue: &EventQueue,
    messages: &[SqsMessage],
    failed: Vec<FailedMessage>,
    deadline: Deadline,
) -> SqsBatchResponse {
    let (dead, mut remaining): (Vec<_>, Vec<_>) = failed
        .into_iter()
        .partition(|failed| is_permanent(&failed.error) || age(&messages[failed.message]) >= MAX_AGE);
    let letters = dead.into_iter().map(|failed| dead_letter(queue, messages, failed, deadline));
    let not_accepted = stream::iter(letters).buffer_unordered(MAX_CONCURRENCY);
    remaining.extend(not_accepted.collect::<Vec<_>>().await.into_iter().flatten());
    remaining.sort_unstable_by_key(|failed| failed.message);
    let remaining: Vec<_> = remaining.iter().map(|failed| &messages[failed.message]).collect();
    postpone(queue, &remaining, deadline).await;
    batch_response(&remaining)
}

/// Sends a message to the dead-letter queue. Returns it if the queue may not have it.
async fn dead_letter(
    queue: &EventQueue,
    messages: &[SqsMessage],
    failed: FailedMessage,
    deadline: Deadline,
) -> Option<FailedMessage> {
    let body = messages[failed.message].body.as_deref().unwrap_or_default();
    match deadline.run(queue.dead_letter(body, &failed.error)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) | Err(error) => {
            tracing::warn!(%error, "dead letter not sent");
            Some(failed)
        }
    }
}

async fn postpone(queue: &EventQueue, messages: &[&SqsMessage], deadline: Deadline) {
    let postponed = messages.iter().filter_map(|message| {
        let receipt_handle = message.receipt_handle.as_deref()?;
        Some(PostponedMessage { receipt_handle, pause: pause(receive_count(message)) })
    });
    let postponed: Vec<_> = postponed.collect();
    if postponed.is_empty() {
        return;
    }
    if let Err(error) = deadline.run(queue.postpone(&postponed)).await {
        tracing::warn!(%error, "pauses not set");
    }
}

/// Names the failed messages by id. Lambda retries the whole batch for a message
/// without an id:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
fn batch_response(failed: &[&SqsMessage]) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in failed {
        response.add_failure(message.message_id.as_deref().unwrap_or_default());
    }
    response
}

/// Returns the pause after this many deliveries, up to half shorter at random so that events that
/// failed together do not all come back together.
fn pause(receive_count: u32) -> Duration {
    let max_pause = max_pause(receive_count);
    max_pause - (max_pause / 2).mul_f64(fastrand::f64())
}

fn max_pause(receive_count: u32) -> Duration {
    let doublings = receive_count.saturating_sub(1).min(20);
    BASE_PAUSE.saturating_mul(1 << doublings).min(MAX_PAUSE)
}

fn receive_count(message: &SqsMessage) -> u32 {
    attribute(message, RECEIVE_COUNT).unwrap_or(1)
}

/// Returns the time since the message was sent.
fn age(message: &SqsMessage) -> Duration {
    let sent = attribute(message, SENT_TIMESTAMP).unwrap_or_else(unix_millis);
    Duration::from_millis(unix_millis().saturating_sub(sent))
}

fn attribute<T: std::str::FromStr>(message: &SqsMessage, name: &str) -> Option<T> {
    message.attributes.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_five_minutes() {
        let seconds = |count| max_pause(count).as_secs();
        assert_eq!([0, 1, 2, 3, 7, 8, 1_000].map(seconds), [4, 4, 8, 16, 256, 300, 300]);
        for _ in 0..100 {
            assert!((150..=300).contains(&pause(8).as_secs()));
        }
    }

    #[test]
    fn names_failed_messages_by_id() {
        let mut messages = ["a", "b"].map(|id| {
            let mut message = SqsMessage::default();
            message.message_id = Some(id.to_owned());
            message
        });
        messages[1].message_id = None;
        let failures = batch_response(&messages.each_ref()).batch_item_failures;
        assert_eq!(failures.iter().map(|one| one.item_identifier.as_str()).collect::<Vec<_>>(), ["a", ""]);
        assert!(batch_response(&[]).batch_item_failures.is_empty());
    }
}
