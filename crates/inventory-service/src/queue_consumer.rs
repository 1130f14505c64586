//! Queue batches of events: reserves stock for many orders together and applies the remaining
//! events one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::{EventSubject, OrderEvent, redact};
use futures_util::{StreamExt as _, stream};
use lambda::trigger::BusEvent;
use lambda::{Deadline, Metrics};
use tracing::{Instrument as _, Span};

use crate::apply_error::ApplyError;
use crate::batch_reservation::{self, MAX_CONCURRENCY, Placement};
use crate::event_consumer::{apply_before, record_outcome};
use crate::event_queue::EventQueue;
use crate::inbound_event::{InboundEvent, claimed_order, decode};
use crate::redelivery::{FailedMessage, SETTLE_TIME, settle};
use crate::store::Store;

/// An event of a batch that is applied on its own.
struct QueuedEvent {
    /// Index of its message in the batch.
    message: usize,
    event: InboundEvent,
    span: Span,
}

/// The events of a batch, grouped by the way they are applied.
#[derive(Default)]
struct GroupedBatch {
    placements: Vec<Placement>,
    /// Remaining events by subject, in the order of the batch.
    others: BTreeMap<EventSubject, Vec<QueuedEvent>>,
    /// Messages without a valid event.
    invalid: Vec<FailedMessage>,
}

/// Applies the events of a batch and names the messages that the queue delivers again.
pub(crate) async fn consume(
    store: &Store,
    queue: &EventQueue,
    metrics: &Metrics,
    batch: SqsEvent,
    deadline: Deadline,
) -> SqsBatchResponse {
    let (started, apply_deadline) = (Instant::now(), deadline.minus(SETTLE_TIME));
    let GroupedBatch { placements, others, invalid: mut failed } = group(metrics, &batch.records, started);
    failed.extend(reserve(store, metrics, placements, apply_deadline, started).await);
    let others = others.into_values();
    let others = others.map(|events| apply_in_order(store, metrics, events, apply_deadline, started));
    let others = stream::iter(others).buffer_unordered(MAX_CONCURRENCY);
    failed.extend(others.collect::<Vec<_>>().await.into_iter().flatten());
    settle(queue, &batch.records, failed, deadline).await
}

/// Groups the events of a batch. An OrderPlaced that is the first event of its order in
/// the batch can be applied together with other orders; later events of the order wait
/// for it.
fn group(metrics: &Metrics, messages: &[SqsMessage], started: Instant) -> GroupedBatch {
    let mut grouped = GroupedBatch::default();
    let mut seen = BTreeSet::new();
    for (message, content) in messages.iter().enumerate() {
        let (span, event) = decode_message(content);
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let failed = span.in_scope(|| record_outcome(Err(error), metrics, started)).err();
                grouped.invalid.extend(failed.map(|error| FailedMessage { message, error }));
                continue;
            }
        };
        let subject = event.subject();
        let is_first = seen.insert(subject.clone());
        match event {
            InboundEvent::Order(OrderEvent::Placed {
                order_id,
                customer_id,
                items,
                total_amount,
                metadata,
            }) if is_first => {
                let claimed =
                    claimed_order(order_id, customer_id, items, Some(total_amount), metadata.as_ref());
                grouped.placements.push(Placement { message, claimed, metadata, span });
            }
            event => {
                let events = grouped.others.entry(subject).or_default();
                events.push(QueuedEvent { message, event, span });
            }
        }
    }
    grouped
}

/// Decodes the event of a message and creates the span of its log lines.
fn decode_message(message: &SqsMessage) -> (Span, Result<InboundEvent, ApplyError>) {
    match serde_json::from_str::<BusEvent>(message.body.as_deref().unwrap_or_default()) {
        Ok(envelope) => decode(&envelope),
        Err(error) => {
            let span = tracing::error_span!("message", messageId = message.message_id);
            let problem = format!("message is not an EventBridge event: {}", redact::json_error(&error));
            (span, Err(ApplyError::Malformed(problem)))
        }
    }
}

/// Reserves stock for placements and returns the failed messages.
async fn reserve(
    store: &Store,
    metrics: &Metrics,
    placements: Vec<Placement>,
    deadline: Deadline,
    started: Instant,
) -> Vec<FailedMessage> {
    let results = batch_reservation::reserve(store, &placements, deadline).await;
    let mut failed = Vec::new();
    for (result, placement) in results.into_iter().zip(&placements) {
        if let Err(error) = placement.span.in_scope(|| record_outcome(result, metrics, started)) {
            failed.push(FailedMessage { message: placement.message, error });
        }
    }
    failed
}

/// Applies the events of one subject in sequence and returns the failed messages.
async fn apply_in_order(
    store: &Store,
    metrics: &Metrics,
    events: Vec<QueuedEvent>,
    deadline: Deadline,
    started: Instant,
) -> Vec<FailedMessage> {
    let mut failed = Vec::new();
    for QueuedEvent { message, event, span } in events {
        let result = apply_before(deadline, event.apply(store)).instrument(span.clone()).await;
        if let Err(error) = span.in_scope(|| record_outcome(result, metrics, started)) {
            failed.push(FailedMessage { message, error });
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use lambda::metrics::LogLines;

    use super::*;

    fn message(id: &str, kind: &str, order: &str) -> SqsMessage {
        let content = match kind {
            "OrderPlaced" => {
                r#","customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":1"#
            }
            _ => "",
        };
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.body = Some(format!(
            r#"{{"source":"ecommerce.order","detail-type":"{kind}","detail":{{"detailType":"{kind}","orderId":"{order}","orderStatus":"{kind}"{content}}}}}"#
        ));
        message
    }

    #[test]
    fn reserves_together_only_for_the_first_event_of_an_order() {
        let messages = [
            message("a", "OrderPlaced", "o1"),
            message("b", "OrderShipped", "o2"),
            message("c", "OrderPlaced", "o2"),
            message("d", "OrderPlaced", "o3"),
            message("e", "OrderPlaced", "o1"),
            message("f", "OrderShipped", "o1"),
            message("g", "OrderLost", "o4"),
        ];
        let GroupedBatch { placements, others, invalid } =
            group(&Metrics::new("shop", "inventory-service", LogLines), &messages, Instant::now());
        assert_eq!(placements.iter().map(|placement| placement.message).collect::<Vec<_>>(), [0, 3]);
        let others: Vec<Vec<_>> =
            others.values().map(|events| events.iter().map(|event| event.message).collect()).collect();
        assert_eq!(others, [vec![4, 5], vec![1, 2]]);
        assert_eq!(invalid.iter().map(|failed| failed.message).collect::<Vec<_>>(), [6]);
    }
}
