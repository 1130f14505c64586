//! The tables of `docs/hot-products.md`.

use std::fs;
use std::path::Path;

use contention::report;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

#[test]
fn the_page_has_the_published_figures() {
    let docs = Path::new(DOCS);
    let page = fs::read_to_string(docs.join("hot-products.md")).unwrap();
    let throughput = figures::read(&docs.join("data/hot-product-throughput.csv")).unwrap();
    let latency = figures::read(&docs.join("data/hot-product-latency.csv")).unwrap();
    for table in [report::throughput_table(&throughput), report::latency_table(&latency)] {
        assert!(page.contains(&table), "run `make bench-hot`");
    }
}
