//! The JSON view of the model.

use std::collections::BTreeMap;

use domain::{Order, OrderStatus};
use serde::Serialize;

use super::model::Model;
use crate::feed::OrderChange;

/// Orders that a lane shows.
const MAX_ORDERS_OF_LANE: usize = 20;

/// The content of the page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View<'a> {
    flow: FlowView<'a>,
    lanes: Vec<Lane>,
    stock: Vec<Stock>,
    meter: Meter,
    changes: Vec<&'a OrderChange>,
    customers: Vec<&'a str>,
}

/// Counts since the page was started.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FlowView<'a> {
    by_status: &'a BTreeMap<&'static str, u64>,
    stock_changes: u64,
    adjustments: u64,
    median_decision_ms: Option<u64>,
}

/// The orders of one status, newest first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lane {
    status: &'static str,
    count: usize,
    orders: Vec<Card>,
}

/// An order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Card {
    id: String,
    customer: String,
    total: Option<String>,
    lines: Vec<(String, u32)>,
    updated_at: String,
}

/// The units of a product.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stock {
    product: String,
    name: String,
    on_hand: u64,
    /// Units of orders that are confirmed, or canceled and not released yet.
    held: u64,
    /// Units of orders that are shipped or delivered.
    sold: u64,
    reorder_point: Option<u64>,
}

/// All units: the ledger explains those on hand and those that orders hold.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Meter {
    recorded: i64,
    on_hand: i64,
    held: i64,
    /// Units that differ: a transaction is in the stream of one table and not yet in that of the other.
    in_flight: i64,
}

impl<'a> View<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let stock = stock(model);
        Self {
            meter: meter(model, &stock),
            flow: FlowView {
                by_status: &model.flow.by_status,
                stock_changes: model.flow.stock_changes,
                adjustments: model.flow.adjustments,
                median_decision_ms: median(model.flow.decisions_ms.iter().copied().collect()),
            },
            lanes: OrderStatus::ALL.map(|status| lane(model, status)).into(),
            stock,
            changes: model.changes.iter().collect(),
            customers: model.customers.iter().map(String::as_str).collect(),
        }
    }
}

fn lane(model: &Model, status: OrderStatus) -> Lane {
    let mut orders: Vec<_> = model.orders.values().filter(|order| order.status == status).collect();
    orders.sort_by_key(|order| std::cmp::Reverse(order.updated_at));
    orders.truncate(MAX_ORDERS_OF_LANE);
    Lane {
        status: status.as_str(),
        count: model.count(status),
        orders: orders.into_iter().map(card).collect(),
    }
}

fn card(order: &Order) -> Card {
    Card {
        id: order.id.to_string(),
        customer: order.customer_id.to_string(),
        total: order.total_amount.map(|total| total.to_string()),
        lines: order.lines().map(|line| (line.product_id.to_string(), line.quantity.get())).collect(),
        updated_at: order.updated_at.to_string(),
    }
}

fn stock(model: &Model) -> Vec<Stock> {
    let mut held: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for order in model.orders.values().filter(|order| order.stock_reserved) {
        let part = usize::from(matches!(order.status, OrderStatus::Shipped | OrderStatus::Delivered));
        for line in order.lines() {
            held.entry(line.product_id.as_str()).or_default()[part] += u64::from(line.quantity.get());
        }
    }
    let row = |level: &domain::StockLevel| {
        let product = level.product_id.as_str();
        let [held, sold] = held.get(product).copied().unwrap_or_default();
        Stock {
            product: product.to_owned(),
            name: model.names.get(product).cloned().unwrap_or_default(),
            on_hand: level.quantity,
            held,
            sold,
            reorder_point: level.reorder_point,
        }
    };
    model.stock.values().map(row).collect()
}

fn meter(model: &Model, stock: &[Stock]) -> Meter {
    let sum = |units: fn(&Stock) -> u64| {
        stock.iter().map(|row| i64::try_from(units(row)).unwrap_or(i64::MAX)).sum::<i64>()
    };
    let recorded = model.ledger.values().sum::<i64>();
    let (on_hand, held) = (sum(|row| row.on_hand), sum(|row| row.held + row.sold));
    Meter { recorded, on_hand, held, in_flight: recorded - on_hand - held }
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
