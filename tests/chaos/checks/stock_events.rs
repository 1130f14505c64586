//! Checks of the events of stock. They are computed from the stream without the code of the relay.

use std::collections::{BTreeMap, BTreeSet};

use domain::inventory_event::INVENTORY_SOURCE;
use serde_json::Value;
use uuid::Uuid;

use super::cut::Cut;
use crate::system::System;

const UPDATED: &str = "InventoryUpdated";

/// The namespace of the event ids. Consumers store the ids, so it must not change.
const NAMESPACE: Uuid = Uuid::from_u128(0x25ee_d392_b4db_484c_bd64_4867_c134_8d2b);

/// The events of stock.
pub(crate) struct StockEventTotals {
    pub(crate) changes: usize,
    pub(crate) published: usize,
    pub(crate) distinct: BTreeMap<String, usize>,
}

/// A stock item at one revision.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    quantity: u64,
    reorder_point: Option<u64>,
}

impl Level {
    fn of(image: &Value) -> Option<Self> {
        let number = |name: &str| image[name]["N"].as_str().map(|text| text.parse().unwrap());
        Some(Self { quantity: number("Quantity")?, reorder_point: number("ReorderPoint") })
    }

    fn is_low(self) -> bool {
        self.reorder_point.is_some_and(|point| self.quantity <= point)
    }

    /// Returns the detail-types of the thresholds that a change from this level crosses.
    fn crossings_to(self, after: Self, is_new: bool) -> Vec<&'static str> {
        [
            ("StockLow", after.is_low() && (is_new || !self.is_low())),
            ("StockDepleted", after.quantity == 0 && self.quantity > 0),
            ("BackInStock", after.quantity > 0 && self.quantity == 0),
        ]
        .into_iter()
        .filter_map(|(detail_type, crossed)| crossed.then_some(detail_type))
        .collect()
    }
}

/// Product, revision and detail-type of an event.
type EventKey = (String, u64, String);

impl System {
    /// Asserts that exactly the events of all changes were published, with ids derived from product,
    /// revision and type, and that the highest revision of InventoryUpdated is the stock in the table.
    pub(super) async fn check_stock_events(&self, cut: &Cut) -> StockEventTotals {
        let mut levels: BTreeMap<(String, u64), Level> = BTreeMap::new();
        let mut crossings: BTreeSet<EventKey> = BTreeSet::new();
        for record in self.shop.stock_stream().await.read().await {
            let images = &record["dynamodb"];
            // Entries of the ledger have no quantity.
            let Some(after) = Level::of(&images["NewImage"]) else { continue };
            let before = Level::of(&images["OldImage"]);
            let product = images["NewImage"]["ProductId"]["S"].as_str().unwrap().to_owned();
            let revision = images["NewImage"]["Revision"]["N"].as_str().unwrap().parse().unwrap();
            for crossed in before.unwrap_or_default().crossings_to(after, before.is_none()) {
                crossings.insert((product.clone(), revision, crossed.to_owned()));
            }
            let earlier = levels.insert((product, revision), after);
            assert!(earlier.is_none(), "two changes have one revision");
        }

        let events = self.published_stock_events();
        let published: usize = events.values().map(Vec::len).sum();
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for ((product, revision, detail_type), details) in &events {
            for detail in details {
                let level = levels[&(product.clone(), *revision)];
                assert_eq!(detail["quantity"], level.quantity, "{detail}");
                let id = Uuid::new_v5(&NAMESPACE, format!("{product}/{revision}/{detail_type}").as_bytes());
                assert_eq!(detail["metadata"]["eventId"], id.to_string(), "{detail}");
            }
            if detail_type == UPDATED {
                let newest = newest.entry(product).or_default();
                *newest = revision.max(newest).to_owned();
            }
        }
        let published_crossings = events.keys().filter(|(_, _, detail_type)| detail_type != UPDATED);
        assert_eq!(published_crossings.cloned().collect::<BTreeSet<_>>(), crossings);
        for (product, stock) in &cut.stock {
            let level = levels[&(product.clone(), newest[product.as_str()])];
            assert_eq!(level.quantity, stock.quantity, "a consumer has an old quantity of {product}");
            let revisions = levels.range((product.clone(), 0)..=(product.clone(), u64::MAX)).count();
            assert_eq!(u64::try_from(revisions).unwrap(), stock.revision, "revisions of {product}");
        }
        let mut distinct = BTreeMap::new();
        for (_, _, detail_type) in events.into_keys() {
            *distinct.entry(detail_type).or_default() += 1;
        }
        StockEventTotals { changes: levels.len(), published, distinct }
    }

    /// Returns the details of all publications of each event.
    fn published_stock_events(&self) -> BTreeMap<EventKey, Vec<Value>> {
        let mut events: BTreeMap<EventKey, Vec<Value>> = BTreeMap::new();
        for event in self.shop.bus.published() {
            if event.entry.source.as_deref() == Some(INVENTORY_SOURCE) {
                let detail = event.detail();
                let product = detail["productId"].as_str().unwrap().to_owned();
                let revision = detail["revision"].as_u64().unwrap();
                assert_eq!(detail["detailType"], event.detail_type());
                events.entry((product, revision, event.detail_type().to_owned())).or_default().push(detail);
            }
        }
        events
    }
}
