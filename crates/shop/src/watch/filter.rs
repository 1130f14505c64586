//! The filters of `shop watch`.

use super::WatchOptions;
use crate::feed::OrderChange;

/// Returns true if a change passes all filters.
pub(super) fn matches(change: &OrderChange, options: &WatchOptions) -> bool {
    let WatchOptions { customer, product, order, .. } = options;
    customer.as_ref().is_none_or(|customer| *customer == change.customer_id)
        && order.as_ref().is_none_or(|order| *order == change.order_id)
        && product.as_ref().is_none_or(|product| change.lines.iter().any(|line| line.product_id == *product))
}
