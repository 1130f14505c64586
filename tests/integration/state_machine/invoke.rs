//! Invocations of the functions for the actions of a command.

use std::future::Future;

use domain::{EventKind, OrderAction};
use inventory_service::{ILLEGAL_TRANSITION, RECEIPT_REUSED, TOO_EARLY};
use serde_json::json;
use test_support::{ApiRequest, Gate, batch_item_failures, invocation};

use super::command::Action;
use super::inbound_event::quantities_of;
use super::model::{Adjustment, Cause, OperationResult, Quantities};
use super::system::SystemUnderTest;
use crate::stock_conservation::PRODUCTS;

impl SystemUnderTest {
    /// Invokes a function for an action.
    pub(super) async fn perform(&self, action: &Action) -> OperationResult {
        match action {
            Action::Place { key, quantities } => self.place(*key, *quantities).await,
            Action::ChangeStatus(change, order) => self.change(*change, self.order(*order)).await,
            Action::Deliver { event, by_queue: false, .. } => self.deliver(*event).await,
            Action::Deliver { event, by_queue: true, .. } => self.deliver_by_queue(*event).await,
            Action::Adjust(adjustment) => match adjustment.cause {
                Cause::Key(key) => self.adjust(key, *adjustment).await,
                Cause::Receipt(receipt) => self.receive_goods(receipt, *adjustment).await,
            },
        }
    }

    async fn adjust(&self, key: u8, adjustment: Adjustment) -> OperationResult {
        let key = format!("key-{key}");
        let request = ApiRequest::post("/inventory/{productId}/adjustments")
            .path("productId", PRODUCTS[adjustment.product].0)
            .header("Idempotency-Key", &key)
            .json(json!({"delta": adjustment.delta, "reason": "counted", "note": key}).to_string());
        let response = request.send(&self.inventory_service).await;
        match response.status {
            201 => {
                assert_eq!(response.json()["delta"], adjustment.delta, "{response:?}");
                OperationResult::Adjusted
            }
            409 => OperationResult::InsufficientStock,
            422 => OperationResult::KeyReused,
            _ => panic!("{response:?}"),
        }
    }

    async fn receive_goods(&self, receipt: u8, adjustment: Adjustment) -> OperationResult {
        let detail = json!({
            "receiptId": format!("r-{receipt}"),
            "productId": PRODUCTS[adjustment.product].0,
            "quantity": adjustment.delta,
            "reason": "received",
        });
        match self.inventory_service.handle(invocation::stock_received(&detail.to_string())).await {
            Ok(_) => OperationResult::Adjusted,
            Err(error) if error.error_type == RECEIPT_REUSED => OperationResult::KeyReused,
            Err(error) => panic!("{error}"),
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

    /// Delivers an event as it is delivered after a first try that met contention.
    async fn deliver_by_queue(&self, n: usize) -> OperationResult {
        let event = self.pending[n % self.pending.len()].envelope.clone();
        let batch = invocation::queue_messages(&[event.get()]);
        let response = self.inventory_service.handle(batch).await.unwrap();
        if !batch_item_failures(&response).is_empty() {
            return OperationResult::TooEarly;
        }
        match self.shop.queues.take_dead_letter(event.get()) {
            None => OperationResult::Applied,
            Some(letter) => {
                assert_eq!(letter["responsePayload"]["errorType"], ILLEGAL_TRANSITION, "{letter}");
                OperationResult::Forbidden
            }
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
