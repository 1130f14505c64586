//! Requests of an operator, who invokes a function directly.

use std::collections::BTreeSet;

use api::json_reader::{self, JsonReader, unknown_field};
use api::{BodyError, Rule, Violation};
use domain::{EventKind, OrderId};
use serde::Serialize;

/// A request to publish the events in the outboxes of orders again:
/// `{"republish":{"orderIds":["001"]}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepublishRequest {
    /// Order ids, from 1 to [`RepublishRequest::MAX_ORDERS`].
    pub order_ids: BTreeSet<OrderId>,
}

impl RepublishRequest {
    /// Maximum number of orders: DynamoDB reads at most 100 items in one batch.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
    pub const MAX_ORDERS: usize = 100;

    /// Parses a payload. A repeated order counts once.
    ///
    /// # Errors
    /// [`BodyError`], with all violations.
    pub fn parse(payload: &str) -> Result<Self, BodyError> {
        json_reader::parse(payload, read_order_ids).map(|order_ids| Self { order_ids })
    }
}

fn read_order_ids(document: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<BTreeSet<OrderId>> {
    let [request] = document.object(["republish"], unknown_field, violations)?;
    let request = document.require("republish", request, violations)?;
    let [ids] = request.object(["orderIds"], unknown_field, violations)?;
    let list = request.require("orderIds", ids, violations)?;
    let ids = list.array(violations)?;
    if ids.is_empty() {
        list.reject(Rule::Empty, "must name at least one order", violations);
    }
    if ids.len() > RepublishRequest::MAX_ORDERS {
        let detail = format!("must name at most {} orders", RepublishRequest::MAX_ORDERS);
        list.reject(Rule::TooMany, detail, violations);
        return None;
    }
    Some(ids.iter().filter_map(|id| id.id(violations)).collect())
}

/// The response: the outcome for each order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepublishReport {
    /// Outcomes, sorted by order id.
    pub orders: Vec<RepublishResult>,
}

/// The outcome for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepublishResult {
    /// Order.
    pub order_id: OrderId,
    /// Outcome.
    #[serde(flatten)]
    pub outcome: RepublishOutcome,
}

/// The outcome of republishing the event of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all_fields = "camelCase")]
pub enum RepublishOutcome {
    /// The event in the outbox was published, again or for the first time.
    Published {
        /// Kind of event.
        #[serde(serialize_with = "serialize_kind")]
        event_type: EventKind,
    },
    /// The outbox is empty: the last event has been applied.
    NothingToPublish,
    /// The order does not exist.
    UnknownOrder,
    /// The event can never be published with the stored order as it is.
    Unpublishable {
        /// Kind of error, a stable name.
        error_type: &'static str,
        /// Description.
        reason: String,
    },
    /// EventBridge rejected the event. Retry later.
    NotAccepted,
}

fn serialize_kind<S: serde::Serializer>(kind: &EventKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

#[cfg(test)]
mod tests {
    use api::Rule;

    use super::*;

    fn violations(payload: &str) -> Vec<(String, Rule)> {
        match RepublishRequest::parse(payload) {
            Err(BodyError::Invalid(violations)) => {
                violations.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
            }
            other => panic!("{payload}: {other:?}"),
        }
    }

    fn payload_with_orders(count: usize) -> String {
        let ids: Vec<_> = (0..count).map(|n| format!("order-{n}")).collect();
        serde_json::json!({"republish": {"orderIds": ids}}).to_string()
    }

    #[test]
    fn counts_a_repeated_order_once() {
        let request = RepublishRequest::parse(r#"{"republish":{"orderIds":["b","a","b"]}}"#).unwrap();
        let ids: Vec<_> = request.order_ids.iter().map(OrderId::as_str).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn reports_each_broken_rule() {
        let list = "#/republish/orderIds".to_owned();
        for (payload, violation) in [
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
            (&payload_with_orders(RepublishRequest::MAX_ORDERS + 1), (list, Rule::TooMany)),
        ] {
            assert_eq!(violations(payload), [violation], "{payload}");
        }
        assert!(RepublishRequest::parse(&payload_with_orders(RepublishRequest::MAX_ORDERS)).is_ok());
        assert!(matches!(RepublishRequest::parse("{"), Err(BodyError::NotJson(_))));
    }

    #[test]
    fn reports_the_outcome_for_each_order() {
        let report = |outcome| {
            let report = RepublishReport {
                orders: vec![RepublishResult { order_id: "001".parse().unwrap(), outcome }],
            };
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
