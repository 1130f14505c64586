//! JSON documents about stock: its levels and its ledger.

use domain::{
    AdjustmentId, AdjustmentReason, ProductId, ReceiptId, StockAdjustment, StockDelta, StockLevel, Timestamp,
};
use serde::Serialize;

/// The stock on hand of a product.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StockDocument<'a> {
    product_id: &'a ProductId,
    quantity: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reorder_point: Option<u64>,
}

impl<'a> From<&'a StockLevel> for StockDocument<'a> {
    fn from(stock: &'a StockLevel) -> Self {
        Self { product_id: &stock.product_id, quantity: stock.quantity, reorder_point: stock.reorder_point }
    }
}

/// A page of the stock of all products.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StockList<'a> {
    inventory: Vec<StockDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl<'a> StockList<'a> {
    /// Creates a page. `next_token` continues the list, if it may have more entries.
    #[must_use]
    pub fn new(levels: &'a [StockLevel], next_token: Option<String>) -> Self {
        Self { inventory: levels.iter().map(StockDocument::from).collect(), next_token }
    }
}

/// An adjustment of stock. It does not state the resulting quantity: concurrent
/// adjustments would have to wait for each other to know it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdjustmentDocument<'a> {
    adjustment_id: &'a AdjustmentId,
    product_id: &'a ProductId,
    delta: StockDelta,
    reason: AdjustmentReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt_id: Option<&'a ReceiptId>,
    created_at: Timestamp,
}

impl<'a> From<&'a StockAdjustment> for AdjustmentDocument<'a> {
    fn from(adjustment: &'a StockAdjustment) -> Self {
        Self {
            adjustment_id: &adjustment.id,
            product_id: &adjustment.product_id,
            delta: adjustment.delta,
            reason: adjustment.reason,
            note: adjustment.note.as_ref().map(domain::ShortText::as_str),
            receipt_id: adjustment.receipt_id.as_ref(),
            created_at: adjustment.created_at,
        }
    }
}

/// A page of a product's adjustments, newest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdjustmentList<'a> {
    adjustments: Vec<AdjustmentDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl<'a> AdjustmentList<'a> {
    /// Creates a page. `next_token` continues the list, if it may have more entries.
    #[must_use]
    pub fn new(adjustments: &'a [StockAdjustment], next_token: Option<String>) -> Self {
        Self { adjustments: adjustments.iter().map(AdjustmentDocument::from).collect(), next_token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(document: &impl Serialize) -> String {
        serde_json::to_string(document).unwrap()
    }

    #[test]
    fn shows_a_reorder_point_only_if_one_is_set() {
        let mut stock = StockLevel {
            product_id: "001".parse().unwrap(),
            quantity: 150,
            revision: 1,
            reorder_point: None,
        };
        assert_eq!(json(&StockDocument::from(&stock)), r#"{"productId":"001","quantity":150}"#);
        stock.reorder_point = Some(20);
        let document = r#"{"productId":"001","quantity":150,"reorderPoint":20}"#;
        assert_eq!(json(&StockDocument::from(&stock)), document);
        let page = json(&StockList::new(&[stock], Some("t".into())));
        assert_eq!(page, format!(r#"{{"inventory":[{document}],"nextToken":"t"}}"#));
    }

    #[test]
    fn an_adjustment_omits_absent_fields() {
        let full = StockAdjustment {
            id: "a-1".parse().unwrap(),
            product_id: "001".parse().unwrap(),
            delta: StockDelta::new(-3).unwrap(),
            reason: AdjustmentReason::Damaged,
            note: Some("Aisle 7".parse().unwrap()),
            receipt_id: Some("r-1".parse().unwrap()),
            created_at: "2025-01-01T00:00:00Z".parse().unwrap(),
        };
        let bare = StockAdjustment { note: None, receipt_id: None, ..full.clone() };
        let start = r#"{"adjustmentId":"a-1","productId":"001","delta":-3,"reason":"damaged""#;
        let end = r#""createdAt":"2025-01-01T00:00:00.000Z"}"#;
        let document = format!(r#"{start},"note":"Aisle 7","receiptId":"r-1",{end}"#);
        assert_eq!(json(&AdjustmentDocument::from(&full)), document);
        assert_eq!(json(&AdjustmentDocument::from(&bare)), format!("{start},{end}"));
        let page = json(&AdjustmentList::new(&[bare], None));
        assert_eq!(page, format!(r#"{{"adjustments":[{start},{end}]}}"#));
    }
}
