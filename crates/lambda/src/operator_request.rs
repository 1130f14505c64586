//! Requests of an operator, who invokes a function directly.

use std::collections::BTreeSet;

use api::json_reader::{self, JsonReader, unknown_field};
use api::{BodyError, Rule, Violation};
use domain::ids::IdError;
use domain::{EventKind, InventoryEventKind, OrderId, ProductId};
use serde::Serialize;

/// A request to publish events again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepublishRequest {
    /// The events in the outboxes of these orders: `{"republish":{"orderIds":["001"]}}`.
    Orders(BTreeSet<OrderId>),
    /// The stock of these products: `{"republish":{"productIds":["001"]}}`.
    Products(BTreeSet<ProductId>),
}

impl RepublishRequest {
    /// Maximum number of ids: DynamoDB reads at most 100 items in one batch.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
    pub const MAX_IDS: usize = 100;

    /// Parses a payload. A repeated id counts once.
    ///
    /// # Errors
    /// [`BodyError`], with all violations.
    pub fn parse(payload: &str) -> Result<Self, BodyError> {
        json_reader::parse(payload, read_request)
    }
}

fn read_request(document: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<RepublishRequest> {
    let [request] = document.object(["republish"], unknown_field, violations)?;
    let request = document.require("republish", request, violations)?;
    match request.object(["orderIds", "productIds"], unknown_field, violations)? {
        [None, Some(products)] => read_ids(&products, "product", violations).map(RepublishRequest::Products),
        [orders, products] => {
            if let Some(products) = products {
                products.reject(Rule::UnknownField, "must not accompany orderIds", violations);
            }
            let orders = request.require("orderIds", orders, violations)?;
            read_ids(&orders, "order", violations).map(RepublishRequest::Orders)
        }
    }
}

fn read_ids<T: TryFrom<String, Error = IdError> + Ord>(
    list: &JsonReader<'_>,
    noun: &str,
    violations: &mut Vec<Violation>,
) -> Option<BTreeSet<T>> {
    let ids = list.array(violations)?;
    if ids.is_empty() {
        list.reject(Rule::Empty, format!("must name at least one {noun}"), violations);
    }
    if ids.len() > RepublishRequest::MAX_IDS {
        let detail = format!("must name at most {} {noun}s", RepublishRequest::MAX_IDS);
        list.reject(Rule::TooMany, detail, violations);
        return None;
    }
    Some(ids.iter().filter_map(|id| id.id(violations)).collect())
}

/// The response: the outcome for each id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RepublishReport {
    /// Outcomes, sorted by order id.
    Orders(Vec<RepublishedOrder>),
    /// Outcomes, sorted by product id.
    Products(Vec<RepublishedProduct>),
}

/// The outcome for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepublishedOrder {
    /// Order.
    pub order_id: OrderId,
    /// Outcome.
    #[serde(flatten)]
    pub outcome: RepublishOutcome,
}

/// The outcome for one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepublishedProduct {
    /// Product.
    pub product_id: ProductId,
    /// Outcome.
    #[serde(flatten)]
    pub outcome: RepublishOutcome,
}

/// The outcome of republishing the event of an order or the stock of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all_fields = "camelCase")]
pub enum RepublishOutcome {
    /// The events in the outbox were published, again or for the first time.
    Published {
        /// Kind of the last event.
        #[serde(serialize_with = "serialize_kind")]
        event_type: EventKind,
        /// Kinds of all events, oldest first.
        #[serde(serialize_with = "serialize_kinds")]
        event_types: Vec<EventKind>,
    },
    /// The events that report the stock of a product were published.
    #[serde(rename = "Published")]
    PublishedStock {
        /// Kinds of events.
        event_types: Vec<InventoryEventKind>,
    },
    /// The order has no event in its outbox, or the product has no event of a selected kind.
    NothingToPublish,
    /// The order does not exist.
    UnknownOrder,
    /// The product has no stock item.
    UnknownProduct,
    /// The event can never be published with the stored item as it is.
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

fn serialize_kinds<S: serde::Serializer>(kinds: &[EventKind], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(kinds.iter().map(|kind| kind.as_str()))
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

    fn payload_with_ids(list: &str, count: usize) -> String {
        let ids: Vec<_> = (0..count).map(|n| format!("id-{n}")).collect();
        serde_json::json!({"republish": {list: ids}}).to_string()
    }

    #[test]
    fn counts_a_repeated_id_once() {
        let orders = RepublishRequest::parse(r#"{"republish":{"orderIds":["b","a","b"]}}"#).unwrap();
        let ids = ["a", "b"].map(|id| id.parse().unwrap()).into();
        assert_eq!(orders, RepublishRequest::Orders(ids));
        let products = RepublishRequest::parse(r#"{"republish":{"productIds":["b","a","b"]}}"#).unwrap();
        let ids = ["a", "b"].map(|id| id.parse().unwrap()).into();
        assert_eq!(products, RepublishRequest::Products(ids));
    }

    #[test]
    fn reports_each_broken_rule() {
        let pointer = |name: &str| format!("#/republish/{name}");
        for (payload, violation) in [
            (r#"{"republish":{}}"#, (pointer("orderIds"), Rule::Required)),
            (r#"{"republish":null}"#, ("#/republish".to_owned(), Rule::Required)),
            (r#"{"republish":7}"#, ("#/republish".to_owned(), Rule::Type)),
            (r#"{"republish":{"orderIds":"001"}}"#, (pointer("orderIds"), Rule::Type)),
            (r#"{"republish":{"orderIds":[]}}"#, (pointer("orderIds"), Rule::Empty)),
            (r#"{"republish":{"orderIds":["a","b c"]}}"#, (pointer("orderIds/1"), Rule::Format)),
            (r#"{"republish":{"orderIds":["a",7]}}"#, (pointer("orderIds/1"), Rule::Type)),
            (r#"{"republish":{"orderIds":["a"],"all":true}}"#, (pointer("all"), Rule::UnknownField)),
            (r#"{"republish":{"orderIds":["a"]},"x":1}"#, ("#/x".to_owned(), Rule::UnknownField)),
            (r#"{"republish":{"productIds":[]}}"#, (pointer("productIds"), Rule::Empty)),
            (r#"{"republish":{"productIds":["001#a"]}}"#, (pointer("productIds/0"), Rule::Format)),
            (
                r#"{"republish":{"orderIds":["a"],"productIds":["b"]}}"#,
                (pointer("productIds"), Rule::UnknownField),
            ),
        ] {
            assert_eq!(violations(payload), [violation], "{payload}");
        }
        assert!(matches!(RepublishRequest::parse("{"), Err(BodyError::NotJson(_))));
    }

    #[test]
    fn limits_the_number_of_ids() {
        for list in ["orderIds", "productIds"] {
            let payload = |count| payload_with_ids(list, count);
            assert!(RepublishRequest::parse(&payload(RepublishRequest::MAX_IDS)).is_ok());
            let violation = (format!("#/republish/{list}"), Rule::TooMany);
            assert_eq!(violations(&payload(RepublishRequest::MAX_IDS + 1)), [violation]);
        }
    }

    #[test]
    fn reports_the_outcome_for_each_order() {
        let report = |outcome| {
            let order_id = "001".parse().unwrap();
            let report = RepublishReport::Orders(vec![RepublishedOrder { order_id, outcome }]);
            serde_json::to_string(&report).unwrap()
        };
        let outcomes = [
            (
                RepublishOutcome::Published {
                    event_type: EventKind::Canceled,
                    event_types: vec![EventKind::Placed, EventKind::Canceled],
                },
                r#""Published","eventType":"OrderCanceled","eventTypes":["OrderPlaced","OrderCanceled"]"#,
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

    #[test]
    fn reports_the_outcome_for_each_product() {
        let report = |outcome| {
            let product_id = "001".parse().unwrap();
            let report = RepublishReport::Products(vec![RepublishedProduct { product_id, outcome }]);
            serde_json::to_string(&report).unwrap()
        };
        let event_types = vec![InventoryEventKind::Low, InventoryEventKind::Updated];
        let outcomes = [
            (
                RepublishOutcome::PublishedStock { event_types },
                r#""Published","eventTypes":["StockLow","InventoryUpdated"]"#,
            ),
            (RepublishOutcome::UnknownProduct, r#""UnknownProduct""#),
        ];
        for (outcome, json) in outcomes {
            assert_eq!(
                report(outcome),
                format!(r#"{{"products":[{{"productId":"001","outcome":{json}}}]}}"#)
            );
        }
    }
}
