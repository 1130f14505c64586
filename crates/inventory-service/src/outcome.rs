//! What has come of an event that was applied.

use std::fmt;

use domain::OrderStatus;
use lambda_support::{Metric, Metrics};

/// What an event has brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The order came to have this status.
    Became(OrderStatus),
    /// The order had its status already; what was left to do for it is done.
    Completed,
    /// Nothing was left to do: the event is a duplicate, or late.
    Stale,
}

impl Outcome {
    pub(crate) fn count(self, metrics: &Metrics) {
        match self {
            Self::Became(status) => metrics.count(Metric::Orders(status)),
            Self::Completed => {}
            Self::Stale => metrics.count(Metric::EventsStale),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Became(status) => status.as_str(),
            Self::Completed => "completed",
            Self::Stale => "stale",
        })
    }
}
