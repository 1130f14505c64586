//! `POST /order/{orderId}/cancel`, `/ship` and `/deliver`: one conditional write.

use api::documents::OrderDocument;
use api::request::record_event_id;
use api::{Problem, ProblemKind, Request, Response, shipment_body};
use domain::{EventKind, Order, OrderAction, OrderId, OrderScope, OutboxEvent, Shipment};
use lambda::Metric;
use lambda::clock::now;

use crate::routes::{Api, correlation_id, order_id};
use crate::store::{StatusChange, UpdateOutcome};

impl Api {
    /// Cancels an order.
    pub(crate) async fn cancel_order(
        &self,
        request: &Request,
        scope: &OrderScope,
    ) -> Result<Response, Problem> {
        let id = order_id(request)?;
        let change = new_change(request, &id, OrderAction::Cancel);
        self.change_status(&id, scope, change).await
    }

    /// Ships an order with the carrier and tracking number in the body, if there is one.
    pub(crate) async fn ship_order(
        &self,
        request: &Request,
        scope: &OrderScope,
    ) -> Result<Response, Problem> {
        let id = order_id(request)?;
        let body = request.optional_json_body()?;
        let shipment = body.map_or(Ok(Shipment::default()), |body| shipment_body::parse(&body))?;
        let change = new_change(request, &id, OrderAction::Ship);
        self.change_status(&id, scope, StatusChange { shipment, ..change }).await
    }

    /// Records that the customer received an order.
    pub(crate) async fn deliver_order(
        &self,
        request: &Request,
        scope: &OrderScope,
    ) -> Result<Response, Problem> {
        let id = order_id(request)?;
        let change = new_change(request, &id, OrderAction::Deliver);
        self.change_status(&id, scope, change).await
    }

    /// Changes the status of an order. A change that was already made succeeds, so that
    /// a client can retry a request whose response was lost.
    async fn change_status(
        &self,
        id: &OrderId,
        scope: &OrderScope,
        change: StatusChange,
    ) -> Result<Response, Problem> {
        record_event_id(&change.event.id);
        let outcome = self.store.update_status(id, scope, &change).await?;
        if outcome.by_this_call(&change.event) {
            self.metrics.count(Metric::Orders(change.action.target()));
        }
        match outcome {
            UpdateOutcome::Updated(stored) => Ok(show(&stored.order)),
            UpdateOutcome::NotAllowed(stored) if is_repeated(&change, &stored.order) => {
                Ok(show(&stored.order))
            }
            UpdateOutcome::NotAllowed(stored) => Err(illegal_change(&stored.order, change.action)),
            UpdateOutcome::NotFound => Err(Problem::not_found("order")),
        }
    }
}

/// Creates a change with the event that it causes.
fn new_change(request: &Request, id: &OrderId, action: OrderAction) -> StatusChange {
    let event = OutboxEvent::new(id, EventKind::of(action), now(), correlation_id(request, id))
        .with_trace(request.traceparent.clone());
    StatusChange { action, shipment: Shipment::default(), event }
}

/// Returns true if `order` already has the result of the change.
fn is_repeated(change: &StatusChange, order: &Order) -> bool {
    order.status == change.action.target() && order.shipment.covers(&change.shipment)
}

fn show(order: &Order) -> Response {
    Response::ok(&OrderDocument::from(order))
}

fn illegal_change(order: &Order, action: OrderAction) -> Problem {
    let detail = if order.status == action.target() {
        format!("order is already {}, with another carrier or tracking number", order.status)
    } else {
        format!("order is {} and cannot become {}", order.status, action.target())
    };
    Problem::new(ProblemKind::IllegalChange, detail)
}
