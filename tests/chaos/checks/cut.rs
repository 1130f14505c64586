//! Checks of all tables at one instant. They hold at every instant of a run.

use std::collections::BTreeMap;

use domain::{FulfillmentShard, OrderStatus, StockAdjustment, StockLevel};
use dynamodb::attribute::FULFILLMENT_SHARD;
use dynamodb::{Item, StoredOrder, text};
use test_support::Snapshot;

use crate::system::System;

/// The content of the tables at one instant.
pub(crate) struct Cut {
    pub(super) orders: Vec<StoredOrder>,
    pub(super) stock: BTreeMap<String, StockLevel>,
    pub(super) ledger: Vec<StockAdjustment>,
}

impl System {
    /// Reads the tables while no call takes effect, and asserts the invariants that hold at every
    /// instant: no stock is negative, the ledger explains every unit, the list of orders to ship has
    /// exactly the confirmed orders, and every request with a response took effect.
    pub(crate) async fn check_cut(&self) -> Cut {
        let pause = self.shop.proxy.pause().await;
        let snapshot = self.shop.snapshot().await;
        drop(pause);
        self.counters.cuts.increment();
        snapshot.orders.values().for_each(assert_list_has_confirmed_orders);
        let cut = Cut::new(&snapshot);
        cut.assert_ledger_explains_stock();
        self.assert_responses_took_effect(&snapshot);
        cut
    }

    fn assert_responses_took_effect(&self, snapshot: &Snapshot) {
        let created = self.created_responses.borrow();
        assert!(snapshot.orders.len() >= created.len(), "an order is lost");
        for adjustment in self.adjustments.borrow().values() {
            let id = adjustment.id();
            assert!(
                id.is_none_or(|id| snapshot.inventory.contains_key(&format!("{}#{id}", adjustment.product))),
                "the ledger lacks {adjustment:?}"
            );
        }
    }
}

impl Cut {
    /// Decodes all items. This fails for negative stock.
    fn new(snapshot: &Snapshot) -> Self {
        let (ledger, stock): (Vec<_>, Vec<_>) =
            snapshot.inventory.iter().partition(|(key, _)| key.contains('#'));
        let order = |item| dynamodb::decode_order(item).unwrap();
        let level = |(key, item): (&String, &Item)| (key.clone(), dynamodb::decode_stock(item).unwrap());
        Self {
            orders: snapshot.orders.values().map(order).collect(),
            stock: stock.into_iter().map(level).collect(),
            ledger: ledger.into_iter().map(|(_, item)| dynamodb::decode_adjustment(item).unwrap()).collect(),
        }
    }

    /// Returns the units that orders hold.
    pub(super) fn held(&self) -> BTreeMap<&str, i64> {
        let mut held = BTreeMap::new();
        for order in self.orders.iter().map(|stored| &stored.order).filter(|order| order.stock_reserved) {
            for line in order.lines() {
                *held.entry(line.product_id.as_str()).or_default() += i64::from(line.quantity.get());
            }
        }
        held
    }

    /// Asserts that the entries of each product add up to its units on hand and the units that orders
    /// hold.
    fn assert_ledger_explains_stock(&self) {
        let mut recorded: BTreeMap<&str, i64> = BTreeMap::new();
        for entry in &self.ledger {
            *recorded.entry(entry.product_id.as_str()).or_default() += i64::from(entry.delta.get());
        }
        let mut explained = self.held();
        for (product, level) in &self.stock {
            *explained.entry(product).or_default() += i64::try_from(level.quantity).unwrap();
        }
        assert_eq!(recorded, explained, "the ledger does not explain the stock");
    }
}

/// Asserts that an order is on the list of orders to ship exactly while it is confirmed.
fn assert_list_has_confirmed_orders(item: &Item) {
    let order = dynamodb::decode_order(item).unwrap().order;
    let shard = (order.status == OrderStatus::Confirmed).then(|| text(FulfillmentShard::of(&order.id)));
    assert_eq!(item.get(FULFILLMENT_SHARD), shard.as_ref(), "{order:?}");
}
