//! An outage of EventBridge that lasts longer than the streams keep trying their records.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::{EventKind, OrderStatus};
use serde_json::Value;
use test_support::{Function as _, invocation};
use tokio::time::sleep;

use crate::relay::{POLL_INTERVAL, Streams};
use crate::system::System;

/// Failed attempts in the outage after which a batch of the Orders stream expires. They stand for
/// the attempts of 23 hours.
pub(crate) const MAX_ATTEMPTS_IN_OUTAGE: u64 = 3;

/// The events that must expire. OrderConfirmed and OrderRejected are missing, because the relay may publish
/// them before the outage.
const EVENTS: [EventKind; 4] =
    [EventKind::Placed, EventKind::Canceled, EventKind::Shipped, EventKind::Delivered];

/// The number of orders of each status that change in the outage.
const CHANGED_ORDERS: usize = 10;

/// The maximum number of orders that an operator republishes in one request.
const MAX_REPUBLISHED: usize = 100;

impl System {
    /// Holds the last third of the clients until the outage begins, so that it meets placements.
    pub(crate) async fn wait_for_turn(&self, client: usize) {
        while client * 3 >= self.settings.orders * 2 && !self.outage_has_begun.get() {
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Makes EventBridge unavailable while orders are placed, canceled, shipped and delivered, until
    /// records with each of these events have expired.
    pub(crate) async fn run_outage(self: Rc<Self>) {
        self.wait_for_orders(1, 3).await;
        let confirmed = CHANGED_ORDERS.min(self.settings.orders / 20).max(1);
        while self.orders_with(OrderStatus::Confirmed).await.len() < confirmed {
            sleep(POLL_INTERVAL).await;
        }
        self.shop.bus.set_outage(true);
        self.is_out.set(true);
        self.outage_has_begun.set(true);
        while !EVENTS.iter().all(|event| self.expired_events.borrow().contains_key(event.as_str())) {
            self.change_orders().await;
            sleep(POLL_INTERVAL).await;
        }
        self.is_out.set(false);
        self.shop.bus.set_outage(false);
    }

    /// Cancels, ships and delivers some orders.
    async fn change_orders(&self) {
        for id in self.orders_with(OrderStatus::Placed).await {
            self.change("cancel", &id).await;
        }
        for id in self.orders_with(OrderStatus::Shipped).await {
            self.change("deliver", &id).await;
        }
        for id in self.orders_with(OrderStatus::Confirmed).await {
            self.ship(&id).await;
        }
    }

    /// Returns some of the orders with a status.
    async fn orders_with(&self, status: OrderStatus) -> Vec<String> {
        let orders = self.shop.orders().await.into_iter();
        let ids = orders.filter(|order| order.status == status).map(|order| order.id.to_string());
        ids.take(CHANGED_ORDERS).collect()
    }

    /// Keeps the orders of records that expire. RelayDeadLetterQueue has references to the records.
    pub(crate) fn keep_expired(&self, records: &[Value]) {
        for record in records {
            let image = &record["dynamodb"]["NewImage"];
            let text = |value: &Value| value["S"].as_str().unwrap().to_owned();
            self.expired_orders.borrow_mut().insert(text(&image["OrderId"]));
            *self.expired_events.borrow_mut().entry(text(&image["Event"]["M"]["Type"])).or_default() += 1;
        }
    }

    /// Republishes the events of all orders with records that expired, each order twice at the
    /// same time.
    pub(crate) async fn republish_expired(self: &Rc<Self>, streams: &mut Streams) {
        let orders: Vec<String> = self.expired_orders.take().into_iter().collect();
        for chunk in orders.chunks(MAX_REPUBLISHED) {
            let chunk: BTreeSet<String> = chunk.iter().cloned().collect();
            self.spawn(Rc::clone(self).republish(chunk.clone()));
            self.spawn(Rc::clone(self).republish(chunk));
        }
        self.run_until_idle(streams).await;
    }

    /// Repeats an operator's request until EventBridge has accepted the events of all orders.
    async fn republish(self: Rc<Self>, mut orders: BTreeSet<String>) {
        while !orders.is_empty() {
            let ids: Vec<&str> = orders.iter().map(String::as_str).collect();
            let invocation = self.orders.invoke(invocation::republish(&ids));
            let Some(Ok(response)) = self.run_or_abort(invocation).await else { continue };
            let response = serde_json::to_value(response).unwrap();
            for result in response["orders"].as_array().unwrap() {
                if result["outcome"] != "NotAccepted" {
                    assert!(["Published", "NothingToPublish"].contains(&result["outcome"].as_str().unwrap()));
                    orders.remove(result["orderId"].as_str().unwrap());
                }
            }
        }
    }
}
