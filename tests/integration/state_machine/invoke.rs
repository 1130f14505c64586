//! Invocations of the functions for the actions of a command.

use std::future::Future;

use domain::{EventKind, OrderAction};
use inventory_service::{ILLEGAL_TRANSITION, TOO_EARLY};
use test_support::{ApiRequest, Gate, invocation};

use super::command::Action;
use super::inbound_event::quantities_of;
use super::model::{OperationResult, Quantities};
use super::system::SystemUnderTest;
use crate::stock_conservation::PRODUCTS;

impl SystemUnderTest {
    /// Invokes a function for an action.
    pub(super) async fn perform(&self, action: &Action) -> OperationResult {
        match action {
            Action::Place { key, quantities } => self.place(*key, *quantities).await,
            Action::ChangeStatus(change, order) => self.change(*change, self.order(*order)).await,
            Action::Deliver { event, .. } => self.deliver(*event).await,
        }
    }

    async fn place(&self, key: Option<u8>, quantities: Quantities) -> OperationResult {
        let lines: Vec<_> = PRODUCTS
            .iter()
            .zip(quantities)
            .filter(|(_, quantity)| *quantity > 0)
            .map(|((product, _), quantity)| format!(r#"{{"productId":"{product}","quantity":{quantity}}}"#))
            .collect();
        let body = format!(r#"{{"customerId":"001","items":[{}]}}"#, lines.join(","));
        let mut request = ApiRequest::post("/order").json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", &format!("key-{key}"));
        }
        let response = request.send(&self.order_service).await;
        match response.status {
            201 => {
                assert_eq!(quantities_of(&response.json()), quantities, "{response:?}");
                OperationResult::Created(response.json()["orderId"].as_str().unwrap().to_owned())
            }
            422 => OperationResult::KeyReused,
            _ => panic!("{response:?}"),
        }
    }

    async fn change(&self, change: OrderAction, order: &str) -> OperationResult {
        let route = format!("/order/{{orderId}}/{}", path_segment(change));
        let response = ApiRequest::post(&route).path("orderId", order).send(&self.order_service).await;
        match response.status {
            200 => OperationResult::StatusChanged,
            404 => OperationResult::NotFound,
            409 => OperationResult::Conflict,
            _ => panic!("{response:?}"),
        }
    }

    async fn deliver(&self, n: usize) -> OperationResult {
        let invocation = invocation::from_payload(self.pending[n % self.pending.len()].envelope.clone());
        match self.inventory_service.handle(invocation).await {
            Ok(_) => OperationResult::Applied,
            Err(error) if error.error_type == TOO_EARLY => OperationResult::TooEarly,
            Err(error) if error.error_type == ILLEGAL_TRANSITION => OperationResult::Forbidden,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs an invocation until it completes. Returns `None` if one of its calls arrives at the gate
/// first.
pub(super) async fn until_interrupted<T>(gate: &Gate, invocation: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = invocation => Some(result),
        () = gate.reached() => None,
    }
}

/// Returns the event that a change causes.
pub(super) const fn event_kind_of(change: OrderAction) -> EventKind {
    match change {
        OrderAction::Cancel => EventKind::Canceled,
        OrderAction::Ship => EventKind::Shipped,
        OrderAction::Deliver => EventKind::Delivered,
        OrderAction::Confirm | OrderAction::Reject => panic!("the API has no route for this change"),
    }
}

const fn path_segment(change: OrderAction) -> &'static str {
    match change {
        OrderAction::Cancel => "cancel",
        OrderAction::Ship => "ship",
        OrderAction::Deliver => "deliver",
        OrderAction::Confirm | OrderAction::Reject => panic!("the API has no route for this change"),
    }
}
