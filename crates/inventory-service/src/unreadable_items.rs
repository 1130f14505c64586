//! Items that a list leaves out because they do not have the expected layout.

use dynamodb::UnreadableItem;
use lambda::Metrics;

/// Logs and counts the items that a list leaves out.
pub(crate) fn report_unreadable(metrics: &Metrics, items: &[UnreadableItem]) {
    for UnreadableItem { id, error } in items {
        metrics.add_unreadable(id, error);
    }
}
