//! The lines of `shop watch`.

use std::fmt::Write as _;

use console::{Color, Style};

use crate::feed::OrderChange;

/// Formats a change as JSON, or as text with colors if the output is a terminal.
pub(super) fn format(change: &OrderChange, as_json: bool) -> serde_json::Result<String> {
    if as_json { serde_json::to_string(change) } else { Ok(text(change)) }
}

fn text(change: &OrderChange) -> String {
    let status = Style::new().fg(color(change.to)).bold();
    let from = change.from.unwrap_or("new");
    let mut line = format!(
        "{}  {from:>9} → {}  {}  customer {}",
        change.time,
        status.apply_to(format!("{:<9}", change.to)),
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

const fn color(status: &str) -> Color {
    match status.as_bytes() {
        b"Confirmed" => Color::Green,
        b"Shipped" | b"Delivered" => Color::Blue,
        b"Rejected" => Color::Red,
        b"Canceled" => Color::Yellow,
        _ => Color::Cyan,
    }
}
