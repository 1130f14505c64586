//! The content of the tables.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Order, ProductId, StockAdjustment, StockLevel};
use dynamodb::attribute::{CUSTOMER_ID, LISTED_AS, LISTED_UNDER, ORDER_ID, PRODUCT_ID, QUANTITY};
use dynamodb::{Item, ItemDecodeError, StoredOrder, encode_adjustment, stock_list_entry};

use super::finding::{Finding, Rule, Table};
use crate::table_reader::key_of;

/// The content of the tables, as far as the checks need it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Orders with the shard under which they are on the list of orders to ship.
    pub(super) orders: Vec<ListedOrder>,
    pub(super) stock: BTreeMap<ProductId, StockLevel>,
    pub(super) ledger: Vec<StockAdjustment>,
    /// Violations that the items show by themselves.
    pub(super) findings: Vec<Finding>,
}

/// An order, and its part of the list of orders to ship.
#[derive(Debug)]
pub(super) struct ListedOrder {
    pub(super) stored: StoredOrder,
    pub(super) shard: Option<String>,
}

/// The units of a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Units {
    pub(super) recorded: i64,
    pub(super) on_hand: i64,
    pub(super) held: i64,
}

impl Units {
    const fn agree(self) -> bool {
        self.recorded == self.on_hand.saturating_add(self.held)
    }
}

impl State {
    pub(super) fn add_order(&mut self, item: &Item) {
        let shard = item.get(dynamodb::attribute::FULFILLMENT_SHARD);
        let shard = shard.map(|shard| shard.as_s().cloned().unwrap_or_default());
        match dynamodb::decode_order(item) {
            Ok(stored) => self.orders.push(ListedOrder { stored, shard }),
            Err(error) => self.add_unreadable(Table::Orders, key_of(item, ORDER_ID), &error),
        }
    }

    pub(super) fn add_customer(&mut self, item: &Item) {
        if let Err(error) = dynamodb::decode_customer(item) {
            self.add_unreadable(Table::Customers, key_of(item, CUSTOMER_ID), &error);
        }
    }

    pub(super) fn add_product(&mut self, item: &Item) {
        if let Err(error) = dynamodb::decode_product(item) {
            self.add_unreadable(Table::Products, key_of(item, PRODUCT_ID), &error);
        }
    }

    /// Adds a stock item or a ledger entry.
    pub(super) fn add_inventory(&mut self, item: &Item) {
        let id = key_of(item, PRODUCT_ID);
        if id.parse::<ProductId>().is_ok() { self.add_stock(item, id) } else { self.add_entry(item, id) }
    }

    fn add_stock(&mut self, item: &Item, id: String) {
        match dynamodb::decode_stock(item) {
            Ok(level) => {
                self.check_stock_list(item, &id, &stock_list_entry(&level.product_id).into());
                self.stock.insert(level.product_id.clone(), level);
            }
            Err(_) if is_negative(item) => {
                let detail = format!("{QUANTITY} is {}", number(item, QUANTITY));
                self.add(Rule::NonNegativeStock, Table::Inventory, id, detail);
            }
            Err(error) => self.add_unreadable(Table::Inventory, id, &error),
        }
    }

    fn add_entry(&mut self, item: &Item, id: String) {
        match dynamodb::decode_adjustment(item) {
            Ok(entry) => {
                let encoded = encode_adjustment(&entry);
                let list_keys = [LISTED_UNDER, LISTED_AS];
                let expected =
                    list_keys.into_iter().filter_map(|name| Some((name, encoded.get(name)?.clone())));
                self.check_stock_list(item, &id, &expected.collect());
                self.ledger.push(entry);
            }
            Err(error) => self.add_unreadable(Table::Inventory, id, &error),
        }
    }

    fn check_stock_list(
        &mut self,
        item: &Item,
        id: &str,
        expected: &BTreeMap<&str, aws_sdk_dynamodb::types::AttributeValue>,
    ) {
        for (name, value) in expected {
            if item.get(*name) != Some(value) {
                let expected = value.as_s().map_or("", String::as_str);
                let detail = format!("{name} is not {expected}");
                self.add(Rule::ListedStock, Table::Inventory, id.to_owned(), detail);
            }
        }
    }

    fn add_unreadable(&mut self, table: Table, id: String, error: &ItemDecodeError) {
        self.add(Rule::ReadableItem, table, id, error.to_string());
    }

    fn add(&mut self, rule: Rule, table: Table, id: String, detail: String) {
        self.findings.push(Finding { rule, table, id, detail });
    }

    /// Returns the units of each product that has stock, entries in the ledger, or orders.
    fn units(&self) -> BTreeMap<&ProductId, Units> {
        let mut units: BTreeMap<&ProductId, Units> = BTreeMap::new();
        for entry in &self.ledger {
            units.entry(&entry.product_id).or_default().recorded += i64::from(entry.delta.get());
        }
        for (product, level) in &self.stock {
            units.entry(product).or_default().on_hand = i64::try_from(level.quantity).unwrap_or(i64::MAX);
        }
        let holding =
            self.orders.iter().map(|listed| &listed.stored.order).filter(|order| order.stock_reserved);
        for line in holding.flat_map(Order::lines) {
            units.entry(&line.product_id).or_default().held += i64::from(line.quantity.get());
        }
        units
    }

    /// Returns the units of the products whose ledger does not explain their stock.
    pub(super) fn differing_units(&self) -> BTreeMap<&ProductId, Units> {
        self.units().into_iter().filter(|(_, units)| !units.agree()).collect()
    }

    /// Returns the products whose ledger does not explain their stock.
    pub(super) fn differing_products(&self) -> BTreeSet<ProductId> {
        self.differing_units().into_keys().cloned().collect()
    }
}

fn number<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_n().ok()).map_or("", String::as_str)
}

fn is_negative(item: &Item) -> bool {
    number(item, QUANTITY).starts_with('-')
}
