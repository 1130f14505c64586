//! An operator's request to publish again what orders carry in their outbox.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::EventKind;
use crate::ids::OrderId;
use crate::json::Reader;
use crate::request::{RequestError, read_id, required, unknown_field};
use crate::violation::{Rule, Violation};

/// Payload of a direct invocation: `{"republish":{"orderIds":["001"]}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepublishRequest {
    /// The orders: at least one, at most [`RepublishRequest::MAX_ORDERS`].
    pub order_ids: BTreeSet<OrderId>,
}

impl RepublishRequest {
    /// As many as DynamoDB reads in one batch:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
    pub const MAX_ORDERS: usize = 100;

    /// Reads a payload. An order that is named twice counts once.
    ///
    /// # Errors
    /// [`RequestError`], with all faults at once.
    pub fn parse(payload: &str) -> Result<Self, RequestError> {
        let document = Reader::document(payload).map_err(RequestError::NotJson)?;
        let mut faults = Vec::new();
        match read(&document, &mut faults) {
            Some(order_ids) if faults.is_empty() => Ok(Self { order_ids }),
            _ => Err(RequestError::Invalid(faults)),
        }
    }
}

fn read(document: &Reader<'_>, faults: &mut Vec<Violation>) -> Option<BTreeSet<OrderId>> {
    let [request] = document.object(["republish"], unknown_field, faults)?;
    let request = required(document, "republish", request, faults)?;
    let [ids] = request.object(["orderIds"], unknown_field, faults)?;
    let list = required(&request, "orderIds", ids, faults)?;
    let ids = list.array(faults)?;
    match ids.len() {
        0 => list.fault(Rule::Empty, "must name at least one order", faults),
        count if count > RepublishRequest::MAX_ORDERS => {
            let rule = format!("must name at most {} orders", RepublishRequest::MAX_ORDERS);
            list.fault(Rule::TooMany, rule, faults);
            return None;
        }
        _ => {}
    }
    Some(ids.iter().filter_map(|id| read_id(id, faults)).collect())
}

/// The answer: what was done for each order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepublishReport {
    /// In the order of their ids.
    pub orders: Vec<Republished>,
}

/// What was done for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Republished {
    /// The order.
    pub order_id: OrderId,
    /// What was done.
    #[serde(flatten)]
    pub outcome: RepublishOutcome,
}

/// What was done for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all_fields = "camelCase")]
pub enum RepublishOutcome {
    /// The event that its outbox carries is on the bus, again or for the first time.
    Published {
        /// What it says.
        #[serde(serialize_with = "as_text")]
        event_type: EventKind,
    },
    /// Its outbox is empty: its last event has been applied.
    NothingToPublish,
    /// There is no such order.
    UnknownOrder,
    /// Its event can never be published as the order is stored now.
    Unpublishable {
        /// What kind of fault, as a stable name.
        error_type: &'static str,
        /// What is wrong, in words.
        reason: String,
    },
    /// The bus did not take the event now; another try may succeed.
    NotAccepted,
}

fn as_text<S: serde::Serializer>(kind: &EventKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(payload: &str) -> Vec<(String, Rule)> {
        match RepublishRequest::parse(payload) {
            Err(RequestError::Invalid(faults)) => {
                faults.into_iter().map(|fault| (fault.pointer, fault.rule)).collect()
            }
            other => panic!("{payload}: {other:?}"),
        }
    }

    fn naming(count: usize) -> String {
        let ids: Vec<_> = (0..count).map(|n| format!("order-{n}")).collect();
        serde_json::json!({"republish": {"orderIds": ids}}).to_string()
    }

    #[test]
    fn an_order_that_is_named_twice_counts_once() {
        let request = RepublishRequest::parse(r#"{"republish":{"orderIds":["b","a","b"]}}"#).unwrap();
        let ids: Vec<_> = request.order_ids.iter().map(OrderId::as_str).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let list = "#/republish/orderIds".to_owned();
        for (payload, fault) in [
            (r#"{"republish":{}}"#, (list.clone(), Rule::Required)),
            (r#"{"republish":null}"#, ("#/republish".to_owned(), Rule::Required)),
            (r#"{"republish":7}"#, ("#/republish".to_owned(), Rule::Type)),
            (r#"{"republish":{"orderIds":"001"}}"#, (list.clone(), Rule::Type)),
            (r#"{"republish":{"orderIds":[]}}"#, (list.clone(), Rule::Empty)),
            (r#"{"republish":{"orderIds":["a","b c"]}}"#, (format!("{list}/1"), Rule::Format)),
            (r#"{"republish":{"orderIds":["a",7]}}"#, (format!("{list}/1"), Rule::Type)),
            (
                r#"{"republish":{"orderIds":["a"],"all":true}}"#,
                ("#/republish/all".to_owned(), Rule::UnknownField),
            ),
            (r#"{"republish":{"orderIds":["a"]},"x":1}"#, ("#/x".to_owned(), Rule::UnknownField)),
            (&naming(RepublishRequest::MAX_ORDERS + 1), (list, Rule::TooMany)),
        ] {
            assert_eq!(faults(payload), [fault], "{payload}");
        }
        assert!(RepublishRequest::parse(&naming(RepublishRequest::MAX_ORDERS)).is_ok());
        assert!(matches!(RepublishRequest::parse("{"), Err(RequestError::NotJson(_))));
    }

    #[test]
    fn the_answer_says_for_each_order_what_was_done() {
        let report = |outcome| {
            let report =
                RepublishReport { orders: vec![Republished { order_id: "001".parse().unwrap(), outcome }] };
            serde_json::to_string(&report).unwrap()
        };
        let outcomes = [
            (
                RepublishOutcome::Published { event_type: EventKind::Placed },
                r#""Published","eventType":"OrderPlaced""#,
            ),
            (RepublishOutcome::NothingToPublish, r#""NothingToPublish""#),
            (RepublishOutcome::UnknownOrder, r#""UnknownOrder""#),
            (
                RepublishOutcome::Unpublishable { error_type: "BadItem", reason: "no".into() },
                r#""Unpublishable","errorType":"BadItem","reason":"no""#,
            ),
            (RepublishOutcome::NotAccepted, r#""NotAccepted""#),
        ];
        for (outcome, json) in outcomes {
            assert_eq!(report(outcome), format!(r#"{{"orders":[{{"orderId":"001","outcome":{json}}}]}}"#));
        }
    }
}
