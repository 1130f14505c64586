//! The stock of a test shop and its ledger.

use std::collections::BTreeMap;

use domain::{AdjustmentReason, Order, StockAdjustment, StockDelta, StockLevel};
use dynamodb::attribute::{PRODUCT_ID, QUANTITY, REVISION};
use dynamodb::{number, set_stock_list_entry, text};
use lambda::clock::now;
use uuid::Uuid;

use crate::test_shop::{INVENTORY, TestShop};

impl TestShop {
    /// Returns the stock of a product.
    pub async fn stock_level(&self, product: &str) -> StockLevel {
        let item = self.item(&self.tables.inventory, PRODUCT_ID, product).await;
        let item = item.unwrap_or_else(|| panic!("product {product} has no stock item"));
        dynamodb::decode_stock(&item).unwrap()
    }

    /// Returns the units of a product on hand.
    pub async fn stock_of(&self, product: &str) -> u64 {
        self.stock_level(product).await.quantity
    }

    /// Sets the units of a product on hand. The change has its entry in the ledger.
    pub async fn set_stock(&self, product: &str, quantity: u64) {
        let old = self.item(&self.tables.inventory, PRODUCT_ID, product).await;
        let before = old.map_or(0, |item| dynamodb::decode_stock(&item).unwrap().quantity);
        let (list_entry, values) = set_stock_list_entry(&product.parse().unwrap());
        let update = self
            .direct_client()
            .update_item()
            .table_name(&self.tables.inventory)
            .key(PRODUCT_ID, text(product))
            .update_expression(format!("SET {QUANTITY} = :quantity, {list_entry} ADD {REVISION} :one"))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":quantity", number(quantity))
            .expression_attribute_values(":one", number(1));
        update.send().await.unwrap();
        let delta = i64::try_from(quantity).unwrap() - i64::try_from(before).unwrap();
        self.record_adjustments(product, delta).await;
    }

    /// Records a change of the stock on hand in the ledger. A change that is too large for one
    /// entry has several.
    async fn record_adjustments(&self, product: &str, mut delta: i64) {
        let max = i64::from(StockDelta::MAX);
        while delta != 0 {
            let part = delta.clamp(-max, max);
            delta -= part;
            let adjustment = StockAdjustment {
                id: Uuid::now_v7().into(),
                product_id: product.parse().unwrap(),
                delta: StockDelta::new(part.try_into().unwrap()).unwrap(),
                reason: AdjustmentReason::Counted,
                note: None,
                receipt_id: None,
                created_at: now(),
            };
            self.put(&self.tables.inventory, dynamodb::encode_adjustment(&adjustment)).await;
        }
    }

    /// Returns the ledger of a product, oldest entry first.
    pub async fn ledger_of(&self, product: &str) -> Vec<StockAdjustment> {
        self.ledger().await.remove(product).unwrap_or_default()
    }

    /// Asserts that the ledger explains the stock of every product: the deltas add up to the units
    /// on hand and the units that orders have reserved.
    pub async fn assert_ledger_invariant(&self) {
        let (inventory, ledger) = (self.items(INVENTORY, &self.tables.inventory).await, self.ledger().await);
        for (product, item) in inventory.iter().filter(|(key, _)| !key.contains('#')) {
            let recorded: i64 = ledger.get(product).map_or(0, |entries| sum_of_deltas(entries));
            let on_hand = dynamodb::decode_stock(item).unwrap().quantity;
            let held = self.reserved_of(product).await;
            assert_eq!(recorded, i64::try_from(on_hand + held).unwrap(), "ledger of product {product}");
        }
    }

    async fn ledger(&self) -> BTreeMap<String, Vec<StockAdjustment>> {
        let items = self.items(INVENTORY, &self.tables.inventory).await;
        let mut ledger = BTreeMap::<String, Vec<StockAdjustment>>::new();
        for (_, item) in items.iter().filter(|(key, _)| key.contains('#')) {
            let entry = dynamodb::decode_adjustment(item).unwrap();
            ledger.entry(entry.product_id.to_string()).or_default().push(entry);
        }
        for entries in ledger.values_mut() {
            entries.sort_by_key(|entry: &domain::StockAdjustment| (entry.created_at, entry.id.clone()));
        }
        ledger
    }

    /// Returns the units of a product that orders have reserved.
    pub async fn reserved_of(&self, product: &str) -> u64 {
        let orders = self.orders().await;
        let lines = orders.iter().filter(|order| order.stock_reserved).flat_map(Order::lines);
        let of_product = lines.filter(|line| line.product_id.as_str() == product);
        of_product.map(|line| u64::from(line.quantity.get())).sum()
    }
}

fn sum_of_deltas(entries: &[StockAdjustment]) -> i64 {
    entries.iter().map(|entry| i64::from(entry.delta.get())).sum()
}
