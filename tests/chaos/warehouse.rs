//! A warehouse that receives goods, and sends some of its events twice and in any order.

use std::rc::Rc;

use serde_json::json;
use test_support::invocation;

use crate::delivery::{Delivery, Message};
use crate::settings::{NEW_PRODUCTS, PRODUCTS};
use crate::system::{System, product_id};

/// The number of receipts that arrive together.
const AT_ONCE: usize = 5;

impl System {
    /// Sends an event for each product of each receipt, and repeats some events of earlier receipts.
    pub(crate) async fn run_warehouse(self: Rc<Self>) {
        let mut rng = self.settings.rng("warehouse", 0);
        let all = self.settings.receipts();
        let mut sent: Vec<Delivery> = Vec::new();
        for first in (0..all).step_by(AT_ONCE) {
            self.wait_for_orders(first, all).await;
            let count = sent.len().min(AT_ONCE);
            let mut deliveries = rng.choose_multiple(sent.iter().cloned(), count);
            for receipt in first..all.min(first + AT_ONCE) {
                let lines = rng.usize(1..=3);
                for product in rng.choose_multiple(0..PRODUCTS + NEW_PRODUCTS, lines) {
                    let delivery = self.receive(format!("r-{receipt}"), product_id(product), rng.i64(1..=10));
                    sent.push(delivery.clone());
                    deliveries.push(delivery);
                }
            }
            rng.shuffle(&mut deliveries);
            for delivery in deliveries {
                self.deliver(delivery);
            }
        }
    }

    /// Records the receipt of some units, and returns the event about it.
    fn receive(&self, receipt: String, product: String, quantity: i64) -> Delivery {
        let detail = json!({
            "receiptId": receipt, "productId": product, "quantity": quantity, "reason": "received",
        });
        let envelope = invocation::stock_received(&detail.to_string()).payload;
        self.receipts.borrow_mut().insert((receipt.clone(), product.clone()), quantity);
        Delivery::new(Message::Receipt { receipt, product }, envelope)
    }
}
