//! The content of the page: orders, stock and ledger, and the changes since the page was started.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::{Order, OrderStatus, ProductId, StockLevel};
use dynamodb::attribute::{CUSTOMER_ID, PRODUCT_ID};
use dynamodb::{Item, StoredOrder};

use crate::feed::{ChangedItem, OrderChange};
use crate::table_reader::key_of;

/// Changes that the page lists.
const MAX_CHANGES: usize = 50;
/// Decisions of which the page shows the median time.
const MAX_DECISIONS: usize = 100;

/// The content of the page.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) stock: BTreeMap<ProductId, StockLevel>,
    /// Delta of each entry of the ledger, by key.
    pub(super) ledger: BTreeMap<String, i64>,
    /// Names of the products.
    pub(super) names: BTreeMap<String, String>,
    pub(super) customers: BTreeSet<String>,
    pub(super) changes: VecDeque<OrderChange>,
    pub(super) flow: Flow,
}

/// Counts since the page was started.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) by_status: BTreeMap<&'static str, u64>,
    pub(super) stock_changes: u64,
    pub(super) adjustments: u64,
    /// Milliseconds from the placement to the decision of the last orders.
    pub(super) decisions_ms: VecDeque<u64>,
}

impl Model {
    pub(super) fn add_product(&mut self, item: &Item) {
        if let Ok(product) = dynamodb::decode_product(item) {
            self.names.insert(product.id.to_string(), product.name);
        }
    }

    pub(super) fn add_customer(&mut self, item: &Item) {
        self.customers.insert(key_of(item, CUSTOMER_ID));
    }

    /// Stores an order, unless a later state of it is stored.
    pub(super) fn set_order(&mut self, item: &Item) {
        let Ok(StoredOrder { order, .. }) = dynamodb::decode_order(item) else { return };
        let stored = self.orders.get(order.id.as_str()).map(|stored| stored.updated_at);
        if stored.is_none_or(|stored| stored <= order.updated_at) {
            self.orders.insert(order.id.to_string(), order);
        }
    }

    /// Stores a stock item or an entry of the ledger, unless a later state of the stock is stored. Returns true if
    /// it is new.
    pub(super) fn set_inventory(&mut self, item: &Item) -> bool {
        if let Ok(entry) = dynamodb::decode_adjustment(item) {
            let delta = i64::from(entry.delta.get());
            return self.ledger.insert(key_of(item, PRODUCT_ID), delta).is_none();
        }
        let Ok(level) = dynamodb::decode_stock(item) else { return false };
        let stored = self.stock.get(&level.product_id).map(|stored| stored.revision);
        let is_new = stored.is_none_or(|stored| stored < level.revision);
        if is_new {
            self.stock.insert(level.product_id.clone(), level);
        }
        is_new
    }

    /// Applies a change of an order from the stream.
    pub(super) fn apply_order(&mut self, change: &ChangedItem) {
        if let Some(item) = &change.new {
            self.set_order(item);
        }
        let Ok(Some(change)) = OrderChange::of(change) else { return };
        *self.flow.by_status.entry(change.to.as_str()).or_default() += 1;
        if change.is_decision() {
            push(&mut self.flow.decisions_ms, change.age_ms, MAX_DECISIONS);
        }
        push(&mut self.changes, change, MAX_CHANGES);
    }

    /// Applies a change of stock or a new entry of the ledger from the stream.
    pub(super) fn apply_inventory(&mut self, change: &ChangedItem) {
        let Some(item) = &change.new else { return };
        if !self.set_inventory(item) {
            return;
        }
        if dynamodb::decode_adjustment(item).is_ok() {
            self.flow.adjustments += 1;
        } else {
            self.flow.stock_changes += 1;
        }
    }

    /// Returns the number of orders with a status.
    pub(super) fn count(&self, status: OrderStatus) -> usize {
        self.orders.values().filter(|order| order.status == status).count()
    }
}

/// Adds the newest element, and drops the oldest one if there are too many.
fn push<T>(elements: &mut VecDeque<T>, newest: T, max: usize) {
    elements.push_front(newest);
    elements.truncate(max);
}

#[cfg(test)]
mod tests {
    use domain::{AdjustmentReason, StockAdjustment, StockDelta};
    use dynamodb::attribute::{QUANTITY, REVISION};
    use dynamodb::{encode_adjustment, encode_order, number};

    use super::*;
    use crate::console::view::View;

    fn order(status: OrderStatus) -> Item {
        let line = domain::OrderLine {
            product_id: "001".parse().unwrap(),
            quantity: domain::Quantity::new(2).unwrap(),
        };
        let item = domain::LineItem { line, unit_price: Some("1.50".parse().unwrap()) };
        let quote = domain::Quote { items: vec![item], total_amount: "3".parse().unwrap() };
        let created_at = "2025-01-01T00:00:00Z".parse().unwrap();
        let order = Order::place("o1".parse().unwrap(), "c1".parse().unwrap(), quote, created_at);
        let updated_at = match status {
            OrderStatus::Placed => created_at,
            _ => "2025-01-01T00:00:00.250Z".parse().unwrap(),
        };
        let stock_reserved = status == OrderStatus::Confirmed;
        encode_order(&StoredOrder::from(Order { status, updated_at, stock_reserved, ..order }))
    }

    fn stock(quantity: u64, revision: u64) -> Item {
        let mut item = dynamodb::item([(QUANTITY, number(quantity)), (REVISION, number(revision))]);
        item.insert(PRODUCT_ID.to_owned(), dynamodb::text("001"));
        item
    }

    fn entry(delta: i32) -> Item {
        encode_adjustment(&StockAdjustment {
            id: "a1".parse().unwrap(),
            product_id: "001".parse().unwrap(),
            delta: StockDelta::new(delta).unwrap(),
            reason: AdjustmentReason::Counted,
            note: None,
            receipt_id: None,
            created_at: "2025-01-01T00:00:00Z".parse().unwrap(),
        })
    }

    fn changed(old: Option<Item>, new: Item) -> ChangedItem {
        ChangedItem { old, new: Some(new) }
    }

    fn meter(model: &Model) -> serde_json::Value {
        serde_json::to_value(View::of(model)).unwrap()["meter"].take()
    }

    #[test]
    fn a_reservation_is_in_flight_until_both_streams_have_it() {
        let mut model = Model::default();
        model.set_inventory(&entry(10));
        model.set_inventory(&stock(10, 1));
        model.set_order(&order(OrderStatus::Placed));
        assert_eq!(meter(&model)["inFlight"], 0);
        let confirmed = changed(Some(order(OrderStatus::Placed)), order(OrderStatus::Confirmed));
        model.apply_order(&confirmed);
        assert_eq!(meter(&model)["inFlight"], -2);
        model.apply_inventory(&changed(Some(stock(10, 1)), stock(8, 2)));
        assert_eq!(meter(&model), serde_json::json!({"recorded": 10, "onHand": 8, "held": 2, "inFlight": 0}));
    }

    #[test]
    fn changes_that_the_tables_already_have_change_nothing() {
        let mut model = Model::default();
        model.set_inventory(&entry(10));
        model.set_inventory(&stock(8, 2));
        model.set_order(&order(OrderStatus::Confirmed));
        let before = meter(&model);
        model.apply_inventory(&changed(None, entry(10)));
        model.apply_inventory(&changed(None, stock(10, 1)));
        model.apply_inventory(&changed(Some(stock(10, 1)), stock(8, 2)));
        model.apply_order(&changed(Some(order(OrderStatus::Placed)), order(OrderStatus::Confirmed)));
        assert_eq!(meter(&model), before);
        assert_eq!((model.flow.stock_changes, model.flow.adjustments), (0, 0));
    }

    #[test]
    fn counts_the_changes_of_orders_and_their_time() {
        let mut model = Model::default();
        model.apply_order(&changed(None, order(OrderStatus::Placed)));
        model.apply_order(&changed(Some(order(OrderStatus::Placed)), order(OrderStatus::Confirmed)));
        // A write that keeps the status is no change of the order.
        model.apply_order(&changed(Some(order(OrderStatus::Confirmed)), order(OrderStatus::Confirmed)));
        assert_eq!(model.flow.by_status, [("Placed", 1), ("Confirmed", 1)].into());
        assert_eq!(
            (model.flow.decisions_ms.iter().collect::<Vec<_>>(), model.changes.len()),
            (vec![&250], 2)
        );
        assert_eq!((model.count(OrderStatus::Placed), model.count(OrderStatus::Confirmed)), (0, 1));
    }

    #[test]
    fn the_lists_are_bounded() {
        let mut model = Model::default();
        for _ in 0..2 * MAX_DECISIONS {
            model.apply_order(&changed(Some(order(OrderStatus::Placed)), order(OrderStatus::Rejected)));
        }
        assert_eq!((model.changes.len(), model.flow.decisions_ms.len()), (MAX_CHANGES, MAX_DECISIONS));
    }
}
