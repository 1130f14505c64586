//! Clients that place an order, and run its scenario.

use std::rc::Rc;

use domain::EventKind;
use fastrand::Rng;
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse};

use crate::scenario::Scenario;
use crate::settings::{CUSTOMERS, PRODUCTS};
use crate::system::{System, product_id};

/// The carrier of orders that the API ships, and of those that an event of a carrier ships.
pub(crate) const CARRIERS: [&str; 2] = ["DHL", "Post"];

impl System {
    /// Places the order of the nth client, and runs its scenario.
    pub(crate) async fn run_client(self: Rc<Self>, n: usize) {
        self.wait_for_turn(n).await;
        let mut rng = self.settings.rng("client", n);
        let items = random_items(&mut rng);
        let id = self.place(n, &items).await;
        match Scenario::random(&mut rng) {
            Scenario::CancelAtOnce => self.change("cancel", &id).await,
            Scenario::CancelByEvent => self.publish(EventKind::Canceled, &id, &items),
            Scenario::DeliverByEvent => {
                self.publish(EventKind::Delivered, &id, &items);
                self.publish(EventKind::Shipped, &id, &items);
            }
            scenario if self.confirmed_or_rejected.borrow().contains(&id) => {
                self.follow_up(&id, scenario).await
            }
            scenario => drop(self.scenarios.borrow_mut().insert(id, scenario)),
        }
    }

    /// Places an order with the key of the nth client, and returns its id.
    async fn place(&self, n: usize, items: &str) -> String {
        let body = format!(r#"{{"customerId":"c{}","items":{items}}}"#, n % CUSTOMERS);
        let request = ApiRequest::post("/order").json(&body).header("Idempotency-Key", &format!("storm-{n}"));
        let response = self
            .send_order_request(&request, |response| {
                if is_unknown_product(response) {
                    // The catalog lacks a product until an editor creates it again.
                    assert!(!self.created_responses.borrow().contains_key(&n), "{response:?}");
                    self.counters.unknown_products.increment();
                    return false;
                }
                assert_eq!(response.status, 201, "{response:?}");
                self.created_responses.borrow_mut().entry(n).or_default().insert(response.body.clone());
                true
            })
            .await;
        response.json()["orderId"].as_str().unwrap().to_owned()
    }

    /// Continues the scenario of an order that is confirmed or rejected.
    pub(crate) async fn follow_up(&self, order: &str, scenario: Scenario) {
        match scenario {
            Scenario::CancelLater => self.change("cancel", order).await,
            Scenario::Ship => self.ship(order).await,
            Scenario::Deliver => {
                self.ship(order).await;
                self.change("deliver", order).await;
            }
            _ => {}
        }
    }

    pub(crate) async fn change(&self, action: &str, order: &str) {
        let route = format!("/order/{{orderId}}/{action}");
        self.send_change(&ApiRequest::post(&route).path("orderId", order)).await;
    }

    /// Ships an order with a carrier and a tracking number.
    pub(crate) async fn ship(&self, order: &str) {
        let request = ApiRequest::post("/order/{orderId}/ship").path("orderId", order);
        self.send_change(&request.json(shipment(CARRIERS[0], order).to_string())).await;
    }

    async fn send_change(&self, request: &ApiRequest) {
        self.send_order_request(request, |response| {
            // The API rejects a change of an order that was rejected or canceled before.
            assert!([200, 409].contains(&response.status), "{response:?}");
            true
        })
        .await;
    }

    /// Sends a request to OrderServiceFunction until it is answered, with bounded concurrency.
    async fn send_order_request(
        &self,
        request: &ApiRequest,
        is_answer: impl Fn(&ApiResponse) -> bool,
    ) -> ApiResponse {
        let attempt = async || {
            let _slot = self.order_slots.acquire().await.unwrap();
            self.run_or_abort(request.send(&self.orders)).await
        };
        self.until_answered(attempt, is_answer).await
    }
}

fn is_unknown_product(response: &ApiResponse) -> bool {
    response.status == 422 && response.violations().iter().all(|(_, rule)| rule == "unknown-product")
}

/// Returns the fields of the shipment of an order by a carrier.
pub(crate) fn shipment(carrier: &str, order: &str) -> Value {
    json!({"carrier": carrier, "trackingNumber": format!("{carrier} {order}")})
}

/// Returns the JSON of one to three order lines.
fn random_items(rng: &mut Rng) -> String {
    let count = rng.usize(1..4);
    let products = rng.choose_multiple(0..PRODUCTS, count);
    let line = |n| format!(r#"{{"productId":"{}","quantity":{}}}"#, product_id(n), rng.u32(1..4));
    format!("[{}]", products.into_iter().map(line).collect::<Vec<_>>().join(","))
}
