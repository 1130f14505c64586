//! The lines of `shop watch`.

use std::fmt::Write as _;

use console::{Color, Style};
use domain::OrderStatus;

use crate::feed::OrderChange;

/// Formats a change as JSON, or as text with colors if the output is a terminal.
pub(super) fn format(change: &OrderChange, as_json: bool) -> serde_json::Result<String> {
    if as_json { serde_json::to_string(change) } else { Ok(text(change)) }
}

fn text(change: &OrderChange) -> String {
    let status = Style::new().fg(color(change.to)).bold();
    let from = change.from.map_or("new", OrderStatus::as_str);
    let mut line = format!(
        "{}  {from:>9} → {}  {}  customer {}",
        change.time,
        status.apply_to(format!("{:<9}", change.to.as_str())),
        change.order_id,
        change.customer_id
    );
    for each in &change.lines {
        // Writing to a string cannot fail.
        let _ = write!(line, "  {}× {}", each.quantity, each.product_id);
    }
    if let Some(total) = &change.total_amount {
        let _ = write!(line, "  total {total}");
    }
    if change.from.is_some() {
        let _ = write!(line, "  after {} ms", change.age_ms);
    }
    line
}

const fn color(status: OrderStatus) -> Color {
    match status {
        OrderStatus::Placed => Color::Cyan,
        OrderStatus::Confirmed => Color::Green,
        OrderStatus::Shipped | OrderStatus::Delivered => Color::Blue,
        OrderStatus::Rejected => Color::Red,
        OrderStatus::Canceled => Color::Yellow,
    }
}
