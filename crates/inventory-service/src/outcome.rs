//! The outcome of an event.

use std::fmt;

use domain::OrderStatus;
use lambda::{Metric, Metrics};

/// The effect of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The order reached this status.
    StatusChanged(OrderStatus),
    /// Goods were added to the stock.
    StockAdjusted,
    /// The order already had its status. The remaining work of the event is done.
    Completed,
    /// A duplicate or late event, which changed nothing.
    Stale,
    /// The event is in the queue and not applied yet.
    Queued,
}

impl Outcome {
    /// Counts the outcome in its metric.
    pub(crate) fn count(self, metrics: &Metrics) {
        match self {
            Self::StatusChanged(status) => metrics.count(Metric::Orders(status)),
            Self::StockAdjusted => metrics.count(Metric::StockAdjustments),
            Self::Completed => {}
            Self::Stale => metrics.count(Metric::EventsStale),
            Self::Queued => metrics.count(Metric::EventsQueued),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusChanged(status) => status.as_str(),
            Self::StockAdjusted => "stock adjusted",
            Self::Completed => "completed",
            Self::Stale => "stale",
            Self::Queued => "queued",
        })
    }
}
