//! Checks of stock and ledger at the end.

use std::collections::BTreeMap;

use domain::AdjustmentReason;

use super::cut::Cut;
use crate::settings::PRODUCTS;
use crate::system::{System, product_id};

/// The units and ledger entries at the end of a run.
pub(crate) struct StockTotals {
    pub(crate) held: i64,
    pub(crate) on_hand: u64,
    pub(crate) adjustments: usize,
    pub(crate) adjusted: i64,
    pub(crate) receipts: usize,
    pub(crate) received: i64,
}

/// The cause of a ledger entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Opening,
    Key(String),
    Receipt(String),
}

impl System {
    /// Repeats every adjustment that was applied, long after its first response. The responses are the
    /// first ones, and no item changes.
    pub(super) async fn repeat_adjustments(&self) {
        let before = self.shop.snapshot().await;
        let adjustments = self.adjustments.borrow().clone();
        for adjustment in adjustments.values().filter(|adjustment| !adjustment.created.is_empty()) {
            let response = adjustment.request().send(&self.inventory).await;
            assert_eq!(response.status, 201, "{response:?}");
            assert_eq!(adjustment.created, [response.body].into(), "the responses to one key differ");
        }
        assert_eq!(self.shop.snapshot().await, before);
    }

    /// Asserts that the ledger has exactly one entry for the opening stock of each product, each
    /// applied adjustment and each product of a receipt.
    pub(super) fn check_ledger(&self, cut: &Cut) -> StockTotals {
        let (adjustments, receipts) = (self.adjustments.borrow(), self.receipts.borrow());
        let opening = i64::try_from(self.settings.initial_stock()).unwrap();
        let mut expected: BTreeMap<_, _> =
            (0..PRODUCTS).map(|n| ((product_id(n), Cause::Opening), opening)).collect();
        let applied = adjustments.values().filter(|adjustment| !adjustment.created.is_empty());
        expected.extend(applied.map(|adjustment| {
            ((adjustment.product.clone(), Cause::Key(adjustment.key.clone())), adjustment.delta)
        }));
        expected.extend(receipts.iter().map(|((receipt, product), quantity)| {
            ((product.clone(), Cause::Receipt(receipt.clone())), *quantity)
        }));

        let mut recorded = BTreeMap::new();
        for entry in &cut.ledger {
            let cause = match (&entry.note, &entry.receipt_id) {
                (Some(key), None) => Cause::Key(key.as_str().to_owned()),
                (None, Some(receipt)) => Cause::Receipt(receipt.to_string()),
                (None, None) if entry.reason == AdjustmentReason::Counted => Cause::Opening,
                _ => panic!("{entry:?}"),
            };
            let earlier =
                recorded.insert((entry.product_id.to_string(), cause), i64::from(entry.delta.get()));
            assert_eq!(earlier, None, "a cause of {entry:?} has two entries");
        }
        assert_eq!(recorded, expected);

        let units = |is_counted: fn(&Cause) -> bool| {
            let counted = recorded.iter().filter(move |((_, cause), _)| is_counted(cause));
            counted.map(|(_, delta)| delta).sum()
        };
        StockTotals {
            held: cut.held().values().sum(),
            on_hand: cut.stock.values().map(|level| level.quantity).sum(),
            adjustments: adjustments.values().filter(|adjustment| !adjustment.created.is_empty()).count(),
            adjusted: units(|cause| matches!(cause, Cause::Key(_))),
            receipts: receipts.len(),
            received: units(|cause| matches!(cause, Cause::Receipt(_))),
        }
    }
}
