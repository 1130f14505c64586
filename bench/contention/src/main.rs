//! Simulates the designs for a hot product: `contention [ORDERS]`.
//!
//! Writes `hot-product-throughput.csv`, `hot-product-latency.csv` and `hot-product-delivery.csv`. A
//! simulation of 10,000 orders, the default, replaces the published figures and
//! the tables in `docs/hot-products.md`. Any other number of orders writes to
//! `.local/bench`. Run it from the root of the project, by `make bench-hot`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use contention::model::Assumptions;
use contention::{report, sweep};
use figures::{DATA, document};

const PUBLISHED_ORDERS: usize = 10_000;
const PAGE: &str = "docs/hot-products.md";
const UNPUBLISHED: &str = ".local/bench";

fn main() -> Result<(), Box<dyn Error>> {
    let orders = env::args().nth(1).map_or(Ok(PUBLISHED_ORDERS), |count| count.parse())?;
    println!("{:#?}", Assumptions::default());
    let throughput = sweep::by_concurrency(orders);
    let latency = sweep::by_rate(orders);
    let delivery = sweep::by_delivery(orders);
    let (throughput_table, latency_table) =
        (report::throughput_table(&throughput), report::latency_table(&latency));
    println!("\nConfirmed orders/s by concurrent invocations\n\n{throughput_table}");
    println!("Latency and write units by arrival rate\n\n{latency_table}");
    let delivery_tables = sweep::PRODUCTS.map(|products| report::delivery_table(&delivery, products));
    for (products, table) in sweep::PRODUCTS.iter().zip(&delivery_tables) {
        println!("Adaptive delivery, {products} products\n\n{table}");
    }

    let published = orders == PUBLISHED_ORDERS;
    let directory = Path::new(if published { DATA } else { UNPUBLISHED });
    fs::create_dir_all(directory)?;
    figures::write(&directory.join("hot-product-throughput.csv"), &throughput)?;
    figures::write(&directory.join("hot-product-latency.csv"), &latency)?;
    figures::write(&directory.join("hot-product-delivery.csv"), &delivery)?;
    if published {
        for (products, table) in sweep::PRODUCTS.iter().zip(&delivery_tables) {
            let section = format!("make bench-hot: delivery, {products} products");
            document::replace_section(Path::new(PAGE), &section, table)?;
        }
        document::replace_section(Path::new(PAGE), "make bench-hot: throughput", &throughput_table)?;
        document::replace_section(Path::new(PAGE), "make bench-hot: latency", &latency_table)?;
    }
    println!("The figures are in {}", directory.display());
    Ok(())
}
