//! `POST /order/{orderId}/cancel`, `/ship` and `/deliver`: one conditional write.

use api::documents::OrderDocument;
use api::request::record_event_id;
use api::{Problem, ProblemKind, Request, Response};
use domain::{EventKind, Order, OrderAction, OrderScope, OutboxEvent};
use lambda::Metric;
use lambda::clock::now;

use crate::routes::{Api, correlation_id, order_id};
use crate::store::UpdateOutcome;

impl Api {
    /// Changes the status of an order. A change that was already made succeeds, so that
    /// a client can retry a request whose response was lost.
    pub(crate) async fn change_status(
        &self,
        request: &Request,
        scope: &OrderScope,
        action: OrderAction,
        kind: EventKind,
    ) -> Result<Response, Problem> {
        let id = order_id(request)?;
        let event = OutboxEvent::new(&id, kind, now(), correlation_id(request, &id));
        record_event_id(&event.id);
        let outcome = self.store.update_status(&id, scope, action, &event).await?;
        if outcome.by_this_call(&event) {
            self.metrics.count(Metric::Orders(action.target()));
        }
        match outcome {
            UpdateOutcome::Updated(stored) => Ok(show(&stored.order)),
            UpdateOutcome::NotAllowed(stored) if stored.order.status == action.target() => {
                Ok(show(&stored.order))
            }
            UpdateOutcome::NotAllowed(stored) => Err(illegal_change(&stored.order, action)),
            UpdateOutcome::NotFound => Err(Problem::not_found("order")),
        }
    }
}

fn show(order: &Order) -> Response {
    Response::ok(&OrderDocument::from(order))
}

fn illegal_change(order: &Order, action: OrderAction) -> Problem {
    let detail = format!("order is {} and cannot become {}", order.status, action.target());
    Problem::new(ProblemKind::IllegalChange, detail)
}
