//! Batches of events from a queue: stock is taken for many orders together, all
//! else is done one by one after it.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_support::Deadline;
use domain::discreet::reason;
use domain::{OrderEvent, OrderId};
use futures_util::{StreamExt as _, stream};
use lambda_support::Metrics;
use lambda_support::trigger::BusEvent;
use tracing::{Instrument as _, Span};

use crate::consumer::{apply, claimed, conclude, open};
use crate::failure::Unapplied;
use crate::joint::{self, Placement};
use crate::store::Store;

/// How many orders are worked on at the same time where each needs calls of
/// its own. Each may open a connection, which is work for a small function.
pub(crate) const AT_ONCE: usize = 8;

/// The events of a batch by how they are applied, each with the position of its message.
#[derive(Default)]
struct Sorted {
    placements: Vec<(usize, Placement)>,
    /// By order, in the order in which they came.
    others: BTreeMap<OrderId, Vec<(usize, OrderEvent, Span)>>,
    /// Messages without an event that can be applied.
    failed: Vec<usize>,
}

/// Applies the events of a batch, each as if it had come alone; names the
/// messages that are to come again.
///
/// Among these is what can never be applied: the queue's redrive policy moves
/// it to the dead-letter queue in the end, and the log tells why.
pub(crate) async fn consume(
    store: &Store,
    metrics: &Metrics,
    batch: SqsEvent,
    deadline: Deadline,
) -> SqsBatchResponse {
    let Sorted { placements, others, mut failed } = sort(metrics, &batch.records);
    failed.extend(reserve(store, metrics, placements, deadline).await);
    let others = others.into_values().map(|events| apply_in_turn(store, metrics, events, deadline));
    let others = stream::iter(others).buffer_unordered(AT_ONCE);
    failed.extend(others.collect::<Vec<_>>().await.into_iter().flatten());
    answer(&batch.records, failed)
}

/// An OrderPlaced that is the first event of its order in the batch can be
/// applied together with others. What follows it has to wait for it.
fn sort(metrics: &Metrics, messages: &[SqsMessage]) -> Sorted {
    let mut sorted = Sorted::default();
    let mut seen = BTreeSet::new();
    for (position, message) in messages.iter().enumerate() {
        let (span, event) = open_message(message);
        let event = match event {
            Ok(event) => event,
            Err(unapplied) => {
                let failed = span.in_scope(|| conclude(Err(unapplied), metrics)).is_err();
                sorted.failed.extend(failed.then_some(position));
                continue;
            }
        };
        let first = seen.insert(event.order_id().clone());
        match event {
            OrderEvent::Placed { order_id, customer_id, items, total_amount, metadata } if first => {
                let claimed = claimed(order_id, customer_id, items, Some(total_amount), metadata.as_ref());
                sorted.placements.push((position, Placement { claimed, metadata, span }));
            }
            event => {
                let events = sorted.others.entry(event.order_id().clone()).or_default();
                events.push((position, event, span));
            }
        }
    }
    sorted
}

/// The event of a message, which is what EventBridge sends to a queue, and the
/// span of what is logged about it.
fn open_message(message: &SqsMessage) -> (Span, Result<OrderEvent, Unapplied>) {
    match serde_json::from_str::<BusEvent>(message.body.as_deref().unwrap_or_default()) {
        Ok(envelope) => open(&envelope),
        Err(error) => {
            let span = tracing::error_span!("message", messageId = message.message_id);
            let problem = format!("not an EventBridge event: {}", reason(&error));
            (span, Err(Unapplied::Malformed(problem)))
        }
    }
}

/// Which of these failed, by position.
async fn reserve(
    store: &Store,
    metrics: &Metrics,
    placements: Vec<(usize, Placement)>,
    deadline: Deadline,
) -> Vec<usize> {
    let (positions, placements): (Vec<_>, Vec<_>) = placements.into_iter().unzip();
    let outcomes = joint::reserve(store, &placements, deadline).await;
    let mut failed = Vec::new();
    for ((outcome, placement), position) in outcomes.into_iter().zip(&placements).zip(positions) {
        if placement.span.in_scope(|| conclude(outcome, metrics)).is_err() {
            failed.push(position);
        }
    }
    failed
}

/// Applies the events of one order; which of them failed, by position.
async fn apply_in_turn(
    store: &Store,
    metrics: &Metrics,
    events: Vec<(usize, OrderEvent, Span)>,
    deadline: Deadline,
) -> Vec<usize> {
    let mut failed = Vec::new();
    for (position, event, span) in events {
        let outcome = async { deadline.limit(apply(store, event)).await? }.instrument(span.clone()).await;
        if span.in_scope(|| conclude(outcome, metrics)).is_err() {
            failed.push(position);
        }
    }
    failed
}

/// Names messages by their ids. One without an id stands for the whole batch,
/// as Lambda has it:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
fn answer(messages: &[SqsMessage], mut failed: Vec<usize>) -> SqsBatchResponse {
    failed.sort_unstable();
    let mut response = SqsBatchResponse::default();
    for position in failed {
        response.add_failure(messages[position].message_id.as_deref().unwrap_or_default());
    }
    response
}

#[cfg(test)]
mod tests {
    use lambda_support::metrics::StandardOutput;

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
    fn only_the_first_event_of_an_order_is_applied_together_with_others() {
        let messages = [
            message("a", "OrderPlaced", "o1"),
            message("b", "OrderShipped", "o2"),
            message("c", "OrderPlaced", "o2"),
            message("d", "OrderPlaced", "o3"),
            message("e", "OrderPlaced", "o1"),
            message("f", "OrderShipped", "o1"),
            message("g", "OrderLost", "o4"),
        ];
        let Sorted { placements, others, failed } =
            sort(&Metrics::new("shop", "inventory-service", StandardOutput), &messages);
        assert_eq!(placements.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 3]);
        let others: Vec<Vec<_>> =
            others.values().map(|events| events.iter().map(|(position, ..)| *position).collect()).collect();
        assert_eq!(others, [vec![4, 5], vec![1, 2]]);
        assert_eq!(failed, [6]);
    }

    #[test]
    fn failures_are_named_in_the_order_of_the_batch() {
        let mut messages = ["a", "b", "c"].map(|id| message(id, "OrderPlaced", id));
        messages[2].message_id = None;
        let named = answer(&messages, vec![2, 0]).batch_item_failures;
        assert_eq!(named.iter().map(|one| one.item_identifier.as_str()).collect::<Vec<_>>(), ["a", ""]);
        assert!(answer(&messages, Vec::new()).batch_item_failures.is_empty());
    }
}
