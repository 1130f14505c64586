//! The tables of `docs/hot-products.md`.

use figures::rows::{HotProductDelivery, HotProductLatency, HotProductThroughput};
use figures::table::Table;

use crate::sweep::{CONCURRENCY, RATES};

/// Returns a table of confirmed orders per second: a row for each design that
/// is simulated with every concurrency, a column for each concurrency.
#[must_use]
pub fn throughput_table(rows: &[HotProductThroughput]) -> String {
    let columns: Vec<_> = CONCURRENCY.iter().map(usize::to_string).collect();
    let mut table =
        Table::new(&[&["design"], &columns.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
    for rows in rows.chunk_by(|one, next| one.design == next.design) {
        if rows.len() == CONCURRENCY.len() {
            let rates = rows.iter().map(|row| format!("{:.0}", row.confirmed_per_second));
            table.push(&[vec![rows[0].design.clone()], rates.collect()].concat());
        }
    }
    table.into_markdown()
}

/// Returns a table of latency and write units: a row for each arrival rate, two
/// columns for each design.
#[must_use]
pub fn latency_table(rows: &[HotProductLatency]) -> String {
    let designs: Vec<_> = rows.chunks(RATES.len()).collect();
    let mut columns = vec!["orders/s".to_owned()];
    for rows in &designs {
        columns.extend([format!("{}: median (p99)", rows[0].design), "write units/order".to_owned()]);
    }
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for (n, rate) in RATES.iter().enumerate() {
        let mut cells = vec![rate.to_string()];
        for row in designs.iter().map(|rows| &rows[n]) {
            cells.push(format!("{} ({})", time(row.median_ms), time(row.p99_ms)));
            cells.push(format!("{:.2}", row.total_units_per_order));
        }
        table.push(&cells);
    }
    table.into_markdown()
}

/// Returns a table of adaptive delivery against its alternatives for a number of products: a row for
/// each delivery, concurrency and arrival rate.
#[must_use]
pub fn delivery_table(rows: &[HotProductDelivery], products: usize) -> String {
    let columns = [
        "delivery",
        "concurrent invocations",
        "orders/s",
        "confirmed/s",
        "median (p99)",
        "write units/order",
        "queued",
    ];
    let mut table = Table::new(&columns);
    for row in rows.iter().filter(|row| row.products == products) {
        let rate = row.orders_per_second;
        table.push(&[
            row.delivery.clone(),
            row.concurrency.to_string(),
            if rate > 0.0 { rate.to_string() } else { "at once".to_owned() },
            format!("{:.0}", row.confirmed_per_second),
            format!("{} ({})", time(row.median_ms), time(row.p99_ms)),
            format!("{:.2}", row.units_per_order),
            format!("{:.0}%", 100.0 * row.queued_share),
        ]);
    }
    table.into_markdown()
}

fn time(millis: u64) -> String {
    if millis < 1000 { format!("{millis} ms") } else { format!("{:.1} s", millis as f64 / 1000.0) }
}
