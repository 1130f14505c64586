//! Clients that place an order, and retry until they get a response.

use std::rc::Rc;
use std::time::Duration;

use domain::EventKind;
use fastrand::Rng;
use test_support::{ApiRequest, ApiResponse};
use tokio::time::sleep;

use crate::scenario::Scenario;
use crate::settings::{CUSTOMERS, PRODUCTS};
use crate::system::{System, product_id};

/// The maximum time before a client repeats a request.
const BEFORE_REPEAT: Duration = Duration::from_millis(100);

/// A factor that spreads consecutive client numbers over all seeds.
const SEED_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl System {
    /// Places the order of the nth client, and runs its scenario.
    pub(crate) async fn run_client(self: Rc<Self>, n: usize) {
        let client_seed = u64::try_from(n).unwrap().wrapping_mul(SEED_FACTOR);
        let mut rng = Rng::with_seed(self.settings.seed ^ client_seed);
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
            .send(&request, |response| {
                assert_eq!(response.status, 201, "{response:?}");
                self.created_responses.borrow_mut().entry(n).or_default().insert(response.body.clone());
            })
            .await;
        response.json()["orderId"].as_str().unwrap().to_owned()
    }

    /// Continues the scenario of an order that is confirmed or rejected.
    pub(crate) async fn follow_up(&self, order: &str, scenario: Scenario) {
        match scenario {
            Scenario::CancelLater => self.change("cancel", order).await,
            Scenario::Ship => self.change("ship", order).await,
            Scenario::Deliver => {
                self.change("ship", order).await;
                self.change("deliver", order).await;
            }
            _ => {}
        }
    }

    async fn change(&self, action: &str, order: &str) {
        let route = format!("/order/{{orderId}}/{action}");
        let request = ApiRequest::post(&route).path("orderId", order);
        self.send(&request, |response| {
            // The API rejects a change of an order that was rejected or canceled before.
            assert!([200, 409].contains(&response.status), "{response:?}");
        })
        .await;
    }

    /// Sends a request until a response arrives that is not 503. `check` gets every such response,
    /// lost responses included.
    async fn send(&self, request: &ApiRequest, check: impl Fn(&ApiResponse)) -> ApiResponse {
        loop {
            self.counters.requests.increment();
            let slot = self.order_slots.acquire().await.unwrap();
            let response = self.run_or_abort(request.send(&self.orders)).await;
            drop(slot);
            if let Some(response) = response.filter(|response| response.status != 503) {
                check(&response);
                if !self.draw_fault() {
                    return response;
                }
                self.counters.lost_responses.increment();
            }
            self.counters.repeated_requests.increment();
            sleep(self.random_up_to(BEFORE_REPEAT)).await;
        }
    }
}

/// Returns the JSON of one to three order lines.
fn random_items(rng: &mut Rng) -> String {
    let count = rng.usize(1..4);
    let products = rng.choose_multiple(0..PRODUCTS, count);
    let line = |n| format!(r#"{{"productId":"{}","quantity":{}}}"#, product_id(n), rng.u32(1..4));
    format!("[{}]", products.into_iter().map(line).collect::<Vec<_>>().join(","))
}
