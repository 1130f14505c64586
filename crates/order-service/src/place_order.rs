//! `POST /order`: one read of customer and prices, then one conditional write.

use api::documents::OrderDocument;
use api::request::{record_event_id, record_order_id};
use api::{
    Problem, ProblemKind, Request, Response, Rule, Violation, authorization, idempotency_key, order_body,
    validation,
};
use aws::ServiceError;
use domain::{
    EventId, EventKind, IdempotencyKey, Order, OrderId, OrderRequest, OrderScope, OrderStatus, Quote,
    QuoteError, RequestHash, UnknownReferences,
};
use dynamodb::{InsertOutcome, StoredOrder};
use lambda::clock::{now, unix_millis};
use lambda::{Deadline, Metric};

use crate::random::random_bytes;
use crate::routes::{Api, correlation_id};

/// Maximum number of ids to try for an order: the one that is derived from the idempotency key, and
/// alternatives in case that events of another producer have occupied it.
const MAX_IDS: usize = 4;

impl Api {
    /// Places the order in the body, or returns the first response to a retry.
    pub(crate) async fn place_order(
        &self,
        request: &Request,
        scope: &OrderScope,
        deadline: Deadline,
    ) -> Result<Response, Problem> {
        let (order_request, key) = parse_request(request)?;
        authorization::require_owner(scope, &order_request.customer_id)?;
        let hash = order_request.hash();
        let id = match &key {
            Some(key) => OrderId::from_idempotency_key(&order_request.customer_id, key),
            None => random_order_id()?,
        };
        record_order_id(&id);
        record_event_id(&EventId::derive(&id, EventKind::Placed));
        let catalog = self.store.load_catalog(&order_request.customer_id, &order_request.lines).await?;
        let quote = match Quote::new(&order_request, catalog.customer_exists, &catalog.prices) {
            Ok(quote) => quote,
            Err(error) => return self.replay_or_reject(request, key.as_ref(), id, &hash, &error).await,
        };
        let mut order = Order::place(id, order_request.customer_id, quote, now());
        for _ in 0..MAX_IDS {
            let correlation_id = correlation_id(request, &order.id);
            let trace = request.traceparent.clone();
            let stored = StoredOrder::placed(order, hash.clone(), correlation_id, trace);
            match self.insert(&stored, key.is_some(), deadline).await? {
                InsertOutcome::AlreadyExists(existing) if is_occupied(key.as_ref(), &existing) => {
                    let id = stored.order.id.alternative();
                    record_order_id(&id);
                    record_event_id(&EventId::derive(&id, EventKind::Placed));
                    order = Order { id, ..stored.order };
                }
                outcome => return self.respond_to_insert(request, &stored, outcome),
            }
        }
        Err(idempotency_key::reused())
    }

    async fn insert(
        &self,
        order: &StoredOrder,
        has_key: bool,
        deadline: Deadline,
    ) -> Result<InsertOutcome, Problem> {
        match deadline.run(self.store.insert(order)).await.flatten() {
            // The order may be stored, and its id is random: a retry would not find it.
            Err(ServiceError::Conflict(_) | ServiceError::Transient(_)) if !has_key => {
                Err(Problem::outcome_unknown(order.order.id.clone()))
            }
            outcome => Ok(outcome?),
        }
    }

    fn respond_to_insert(
        &self,
        request: &Request,
        stored: &StoredOrder,
        outcome: InsertOutcome,
    ) -> Result<Response, Problem> {
        if outcome.by_this_call(stored) {
            self.metrics.count(Metric::Orders(OrderStatus::Placed));
        }
        match outcome {
            InsertOutcome::Inserted => Ok(created(request, &stored.order)),
            InsertOutcome::AlreadyExists(existing) => {
                replay(request, *existing, stored.request_hash.as_ref())
            }
        }
    }

    /// Handles a request that cannot be priced. A retry still gets its first response,
    /// even if the catalog has changed since.
    async fn replay_or_reject(
        &self,
        request: &Request,
        key: Option<&IdempotencyKey>,
        mut id: OrderId,
        hash: &RequestHash,
        error: &QuoteError,
    ) -> Result<Response, Problem> {
        let ids = if key.is_some() { MAX_IDS } else { 0 };
        for _ in 0..ids {
            match self.store.order(&id).await? {
                None => break,
                Some(stored) if is_occupied(key, &stored) => id = id.alternative(),
                Some(stored) => return replay(request, stored, Some(hash)),
            }
        }
        Err(quote_problem(error))
    }
}

/// Returns true if an event of another producer has created the order whose id is derived from the
/// key. The API stores a request hash with each order.
fn is_occupied(key: Option<&IdempotencyKey>, stored: &StoredOrder) -> bool {
    key.is_some() && stored.request_hash.is_none()
}

/// Parses body and idempotency key, and reports the violations of both together.
fn parse_request(request: &Request) -> Result<(OrderRequest, Option<IdempotencyKey>), Problem> {
    let order_request = order_body::parse(&request.json_body()?);
    validation::combine(order_request, idempotency_key::optional(request))
}

fn random_order_id() -> Result<OrderId, Problem> {
    Ok(OrderId::from_time(unix_millis(), &random_bytes()?))
}

fn created(request: &Request, order: &Order) -> Response {
    let location = format!("{}/{}", request.path.trim_end_matches('/'), order.id);
    Response::created(&location, &OrderDocument::from(order))
}

/// Returns the first response again if `hash` matches the first request. Otherwise the key
/// was reused for a different request.
fn replay(request: &Request, stored: StoredOrder, hash: Option<&RequestHash>) -> Result<Response, Problem> {
    if stored.request_hash.is_some() && stored.request_hash.as_ref() == hash {
        return Ok(created(request, &stored.order.as_placed()));
    }
    // Names the order, because an earlier request with this key may have placed it although its
    // client did not get the response.
    let problem = idempotency_key::reused();
    let detail = format!("{}; the key belongs to order {}", problem.detail, stored.order.id);
    Err(Problem { detail, order_id: Some(stored.order.id), ..problem })
}

fn quote_problem(error: &QuoteError) -> Problem {
    match error {
        QuoteError::UnknownReferences(unknown) => Problem::invalid(unknown_references(unknown)),
        QuoteError::TotalDiffers { expected, computed } => {
            let detail = format!("is {expected}, but catalog prices total {computed}");
            let violation = Violation::new("#/totalAmount", Rule::TotalDiffers, detail);
            Problem { errors: vec![violation], ..Problem::new(ProblemKind::TotalDiffers, error.to_string()) }
        }
        QuoteError::TotalTooLarge => {
            Problem::invalid(vec![Violation::new("#/items", Rule::AboveMaximum, error.to_string())])
        }
    }
}

fn unknown_references(unknown: &UnknownReferences) -> Vec<Violation> {
    let customer = unknown
        .customer
        .iter()
        .map(|id| Violation::new("#/customerId", Rule::UnknownCustomer, format!("no such customer: {id}")));
    let products = unknown
        .products
        .iter()
        .map(|id| Violation::new("#/items", Rule::UnknownProduct, format!("no such product: {id}")));
    customer.chain(products).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(error: &QuoteError) -> (ProblemKind, Vec<(String, Rule)>) {
        let problem = quote_problem(error);
        let violations = problem.errors.into_iter().map(|violation| (violation.pointer, violation.rule));
        (problem.kind, violations.collect())
    }

    #[test]
    fn names_every_unknown_customer_and_product() {
        let unknown = UnknownReferences {
            customer: Some("x".parse().unwrap()),
            products: ["y", "z"].map(|id| id.parse().unwrap()).to_vec(),
        };
        let expected = [
            ("#/customerId", Rule::UnknownCustomer),
            ("#/items", Rule::UnknownProduct),
            ("#/items", Rule::UnknownProduct),
        ];
        let expected = expected.map(|(pointer, rule)| (pointer.to_owned(), rule)).to_vec();
        assert_eq!(violations(&QuoteError::UnknownReferences(unknown)), (ProblemKind::Invalid, expected));
    }

    #[test]
    fn rejects_a_total_that_differs_or_is_too_large() {
        let (expected, computed) = ("1".parse().unwrap(), "2".parse().unwrap());
        assert_eq!(
            violations(&QuoteError::TotalDiffers { expected, computed }),
            (ProblemKind::TotalDiffers, vec![("#/totalAmount".to_owned(), Rule::TotalDiffers)])
        );
        assert_eq!(
            violations(&QuoteError::TotalTooLarge),
            (ProblemKind::Invalid, vec![("#/items".to_owned(), Rule::AboveMaximum)])
        );
    }
}
