//! Checks of customers, products and prices.

use std::collections::{BTreeMap, BTreeSet};

use domain::Money;
use serde_json::Value;

use crate::editor::{EDITORS, Record};
use crate::settings::PRODUCTS;
use crate::system::{System, product_id};

impl System {
    /// Asserts that every record has all changes of all editors, and that each order was placed at a
    /// price that its product had. Returns the number of different prices in orders.
    pub(super) async fn check_catalog(&self, responses: &BTreeMap<String, Value>) -> usize {
        for record in Record::all() {
            let response = record.request("GET").send(&self.orders).await;
            let counts = record.counts_of(&response.json());
            assert_eq!(counts, [self.settings.edits(); EDITORS], "{record:?} has lost a change");
        }
        let changes = self.settings.edits() * EDITORS;
        let valid: BTreeSet<_> = (0..=changes).map(price_after).collect();
        let products: BTreeSet<_> = (0..PRODUCTS).map(product_id).collect();
        let mut prices = BTreeSet::new();
        for item in responses.values().flat_map(|order| order["items"].as_array().unwrap()) {
            assert!(products.contains(item["productId"].as_str().unwrap()));
            prices.insert(item["unitPrice"].to_string().parse().unwrap());
        }
        assert!(prices.is_subset(&valid), "{prices:?} are not all prices of {valid:?}");
        assert!(prices.len() > 1, "no price changed while orders were placed");
        prices.len()
    }
}

/// Returns the price of a product after this many changes.
fn price_after(changes: usize) -> Money {
    Money::from_minor_units(u64::try_from(999 + changes).unwrap()).unwrap()
}
