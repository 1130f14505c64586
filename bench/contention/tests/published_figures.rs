//! The tables of `docs/hot-products.md`, and the goals of adaptive delivery.

use std::fs;
use std::path::Path;

use contention::{report, sweep};
use figures::rows::HotProductDelivery;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

fn delivery_rows() -> Vec<HotProductDelivery> {
    figures::read(&Path::new(DOCS).join("data/hot-product-delivery.csv")).unwrap()
}

#[test]
fn the_page_has_the_published_figures() {
    let docs = Path::new(DOCS);
    let page = fs::read_to_string(docs.join("hot-products.md")).unwrap();
    let throughput = figures::read(&docs.join("data/hot-product-throughput.csv")).unwrap();
    let latency = figures::read(&docs.join("data/hot-product-latency.csv")).unwrap();
    let mut tables = vec![report::throughput_table(&throughput), report::latency_table(&latency)];
    let delivery = delivery_rows();
    tables.extend(sweep::PRODUCTS.map(|products| report::delivery_table(&delivery, products)));
    for table in tables {
        assert!(page.contains(&table), "run `make bench-hot`");
    }
}

/// Returns the row of one product.
fn row<'a>(
    rows: &'a [HotProductDelivery],
    delivery: &str,
    concurrency: usize,
    rate: f64,
) -> &'a HotProductDelivery {
    let is_wanted = |row: &&HotProductDelivery| {
        (row.delivery.as_str(), row.products, row.concurrency, row.orders_per_second)
            == (delivery, 1, concurrency, rate)
    };
    rows.iter().find(is_wanted).unwrap_or_else(|| panic!("no {delivery} {concurrency} {rate}"))
}

#[test]
fn adaptive_delivery_is_as_fast_as_the_better_alternative() {
    let rows = delivery_rows();
    for concurrency in [8, 64, 1_000] {
        let [adaptive, direct] = ["adaptive", "direct"].map(|name| row(&rows, name, concurrency, 10.0));
        assert!(adaptive.median_ms * 10 <= direct.median_ms * 11, "{adaptive:?} {direct:?}");
    }
    for (concurrency, confirmed_per_second) in [(64, 4_000.0), (1_000, 3_000.0)] {
        let at_once = row(&rows, "adaptive", concurrency, 0.0);
        assert!(at_once.confirmed_per_second >= confirmed_per_second, "{at_once:?}");
        let fast = row(&rows, "adaptive", concurrency, 3_000.0);
        assert!(fast.confirmed_per_second >= 2_900.0, "{fast:?} keeps up");
        for rate in [100.0, 1_000.0] {
            let (adaptive, batched) =
                (row(&rows, "adaptive", concurrency, rate), row(&rows, "batched", 2, rate));
            assert!(adaptive.p99_ms <= batched.p99_ms, "{adaptive:?} {batched:?}");
        }
    }
}

#[test]
fn adaptive_delivery_needs_few_write_units_and_leaves_no_dead_letter() {
    let rows = delivery_rows();
    let adaptive = rows.iter().filter(|row| row.delivery == "adaptive");
    for row in adaptive.clone() {
        assert_eq!(row.dead_letters, 0, "{row:?}");
    }
    // 2.02 in full batches without conflicts.
    for row in adaptive.filter(|row| row.products == 1 && row.queued_share > 0.98) {
        assert!(row.units_per_order <= 2.35, "{row:?}");
    }
}
