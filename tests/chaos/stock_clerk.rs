//! Clerks that adjust stock with idempotency keys, and set reorder points.

use std::collections::BTreeSet;
use std::rc::Rc;

use fastrand::Rng;
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse};

use crate::settings::PRODUCTS;
use crate::system::{System, product_id};

/// The number of clerks. Each sends one request at a time.
pub(crate) const CLERKS: usize = 8;

/// The number of adjustments after which a clerk repeats one of an earlier time.
const REPEAT_EVERY: usize = 4;

/// An adjustment, and what its clerk knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Adjustment {
    pub(crate) product: String,
    pub(crate) key: String,
    pub(crate) delta: i64,
    /// The bodies of all responses with status 201, lost responses included.
    pub(crate) created: BTreeSet<String>,
}

impl Adjustment {
    /// Adds or removes some units, with equal probability.
    fn random(n: usize, rng: &mut Rng) -> Self {
        let delta = if rng.bool() { rng.i64(1..=20) } else { -rng.i64(1..=20) };
        let product = product_id(rng.usize(..PRODUCTS));
        Self { product, key: format!("clerk-{n}"), delta, created: BTreeSet::new() }
    }

    /// Returns the id of the adjustment, if a response had it.
    pub(crate) fn id(&self) -> Option<String> {
        let body: Value = serde_json::from_str(self.created.first()?).unwrap();
        Some(body["adjustmentId"].as_str().unwrap().to_owned())
    }

    pub(crate) fn request(&self) -> ApiRequest {
        let reason = if self.delta > 0 { "returned" } else { "damaged" };
        ApiRequest::post("/inventory/{productId}/adjustments")
            .path("productId", &self.product)
            .header("Idempotency-Key", &self.key)
            .json(json!({"delta": self.delta, "reason": reason, "note": self.key}).to_string())
    }
}

impl System {
    /// Makes the adjustments of one clerk, and repeats some of them later.
    pub(crate) async fn run_stock_clerk(self: Rc<Self>, clerk: usize) {
        let mut rng = self.settings.rng("stock clerk", clerk);
        let all = self.settings.adjustments();
        let mut own = Vec::new();
        for n in (clerk..all).step_by(CLERKS) {
            self.wait_for_orders(n, all).await;
            let adjustment = Adjustment::random(n, &mut rng);
            self.adjustments.borrow_mut().insert(n, adjustment);
            own.push(n);
            self.adjust(n).await;
            if own.len().is_multiple_of(REPEAT_EVERY) {
                self.counters.late_repeats.increment();
                self.adjust(*rng.choice(&own).unwrap()).await;
                self.set_reorder_point(&product_id(rng.usize(..PRODUCTS)), rng.u64(..100)).await;
            }
        }
    }

    /// Sends the nth adjustment until it is answered.
    async fn adjust(&self, n: usize) {
        let request = self.adjustments.borrow()[&n].request();
        let attempt = async || self.run_or_abort(request.send(&self.inventory)).await;
        self.until_answered(attempt, |response| {
            self.record_adjustment(n, response);
            true
        })
        .await;
    }

    /// Records a response to the nth adjustment. A removal can be short of stock, but not after it was
    /// applied.
    fn record_adjustment(&self, n: usize, response: &ApiResponse) {
        let mut adjustments = self.adjustments.borrow_mut();
        let adjustment = adjustments.get_mut(&n).unwrap();
        if response.status == 201 {
            adjustment.created.insert(response.body.clone());
            return;
        }
        assert_eq!(response.problem(), (409, "insufficient-stock".to_owned()));
        assert!(adjustment.delta < 0 && adjustment.created.is_empty(), "{adjustment:?}: {response:?}");
    }

    async fn set_reorder_point(&self, product: &str, reorder_point: u64) {
        let request = ApiRequest::new("PATCH", "/inventory/{productId}")
            .path("productId", product)
            .json(json!({"reorderPoint": reorder_point}).to_string());
        let attempt = async || self.run_or_abort(request.send(&self.inventory)).await;
        self.until_answered(attempt, |response| {
            assert_eq!(response.status, 200, "{response:?}");
            true
        })
        .await;
    }
}
