//! An outage of EventBridge that lasts longer than the streams keep trying their records.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::{EventKind, OrderStatus};
use serde_json::Value;
use test_support::{Function as _, invocation};
use tokio::time::sleep;

use crate::relay::{POLL_INTERVAL, Streams};
use crate::system::System;

/// Failed attempts in the outage after which a batch of the Orders stream is given up. They stand for
/// the attempts of 23 hours.
pub(crate) const MAX_ATTEMPTS_IN_OUTAGE: u64 = 3;

/// The events that are given up.
const EVENTS: [EventKind; 5] =
    [EventKind::Placed, EventKind::Confirmed, EventKind::Canceled, EventKind::Shipped, EventKind::Delivered];

/// The number of orders that change in the outage, of those with an event that was given up.
const CHANGED_ORDERS: usize = 10;

/// The maximum number of orders that an operator republishes in one request.
const MAX_REPUBLISHED: usize = 100;

impl System {
    /// Makes EventBridge unavailable while orders are placed, canceled, shipped and delivered, until
    /// records with each of these events have been given up.
    pub(crate) async fn run_outage(self: Rc<Self>) {
        self.wait_for_orders(1, 3).await;
        self.shop.bus.set_outage(true);
        self.is_out.set(true);
        self.wait_for_orders(2, 3).await;
        while !EVENTS.iter().all(|event| self.given_up_events.borrow().contains_key(event.as_str())) {
            self.change_given_up_orders().await;
            sleep(POLL_INTERVAL).await;
        }
        self.is_out.set(false);
        self.shop.bus.set_outage(false);
    }

    /// Cancels, ships and delivers some of the orders that have an event which was given up.
    async fn change_given_up_orders(&self) {
        let orders: Vec<String> = self.given_up.borrow().iter().cloned().collect();
        for id in orders.iter().step_by(orders.len().div_ceil(CHANGED_ORDERS).max(1)) {
            match self.shop.order(id).await.map(|order| order.status) {
                Some(OrderStatus::Placed) => self.change("cancel", id).await,
                Some(OrderStatus::Confirmed) => self.ship(id).await,
                Some(OrderStatus::Shipped) => self.change("deliver", id).await,
                _ => {}
            }
        }
    }

    /// Keeps the orders of records that are given up. RelayDeadLetterQueue has references to the records.
    pub(crate) fn give_up(&self, records: &[Value]) {
        for record in records {
            let image = &record["dynamodb"]["NewImage"];
            let text = |value: &Value| value["S"].as_str().unwrap().to_owned();
            self.given_up.borrow_mut().insert(text(&image["OrderId"]));
            *self.given_up_events.borrow_mut().entry(text(&image["Event"]["M"]["Type"])).or_default() += 1;
        }
    }

    /// Republishes the events of all orders with records that were given up, each order twice at the
    /// same time.
    pub(crate) async fn republish_given_up(self: &Rc<Self>, streams: &mut Streams) {
        let orders: Vec<String> = self.given_up.take().into_iter().collect();
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
