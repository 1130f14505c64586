//! Findings of an audit.

use std::fmt;

use serde::{Serialize, Serializer};

/// A rule that the items of a stack follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every item has the layout of its table.
    ReadableItem,
    /// No stock is negative.
    NonNegativeStock,
    /// The ledger of a product adds up to the units on hand and the units that orders hold.
    LedgerExplainsStock,
    /// Exactly a confirmed, shipped or delivered order holds its stock.
    ReservationFollowsStatus,
    /// Exactly the confirmed orders are on the list of orders to ship.
    ListFollowsStatus,
    /// Stock items and ledger entries are on their lists.
    ListedStock,
    /// The total of an order is the sum of its lines.
    TotalIsSumOfLines,
    /// Only a shipped or delivered order has a carrier or a tracking number.
    ShipmentFollowsStatus,
    /// Exactly a rejected order has shortages.
    ShortagesFollowStatus,
    /// The event in an outbox is the event of the order's status.
    EventFollowsStatus,
    /// An event is applied soon.
    AppliedEvent,
}

impl Rule {
    /// Returns true for a rule that no single read decides.
    pub(super) const fn concerns_several_items(self) -> bool {
        matches!(self, Self::LedgerExplainsStock)
    }

    /// Returns the name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadableItem => "readable-item",
            Self::NonNegativeStock => "non-negative-stock",
            Self::LedgerExplainsStock => "ledger-explains-stock",
            Self::ReservationFollowsStatus => "reservation-follows-status",
            Self::ListFollowsStatus => "list-follows-status",
            Self::ListedStock => "listed-stock",
            Self::TotalIsSumOfLines => "total-is-sum-of-lines",
            Self::ShipmentFollowsStatus => "shipment-follows-status",
            Self::ShortagesFollowStatus => "shortages-follow-status",
            Self::EventFollowsStatus => "event-follows-status",
            Self::AppliedEvent => "applied-event",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A table of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[allow(missing_docs, reason = "each variant is named like its table")]
pub enum Table {
    Orders,
    Customers,
    Products,
    Inventory,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Orders => "Orders",
            Self::Customers => "Customers",
            Self::Products => "Products",
            Self::Inventory => "Inventory",
        })
    }
}

/// A violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Violated rule.
    pub rule: Rule,
    /// Table of the item.
    pub table: Table,
    /// Key of the item.
    pub id: String,
    /// Description of the violation, without personal data.
    pub detail: String,
}
