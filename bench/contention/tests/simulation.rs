//! Whole simulations.

use std::time::Duration;

use contention::design::Design;
use contention::model::Assumptions;
use contention::orders::Products;
use contention::queue::DeliveryMode;
use contention::simulation::Simulation;

#[test]
fn confirms_every_order_of_every_design_with_reproducible_results() {
    let designs = [
        (Design::Adaptive, DeliveryMode::Direct),
        (Design::Transaction, DeliveryMode::Direct),
        (Design::Stripes(4), DeliveryMode::Direct),
        (Design::SingleItem, DeliveryMode::Direct),
        (Design::Batch, DeliveryMode::Batched { max_size: 10, window: Duration::ZERO }),
    ];
    for (design, delivery) in designs {
        let simulation = Simulation {
            design,
            delivery,
            concurrency: 8,
            orders: 60,
            products: Products::Alternating(if let Design::Stripes(stripes) = design { stripes } else { 1 }),
            orders_per_second: None,
            assumptions: Assumptions::default(),
        };
        let (first, second) = (simulation.run(), simulation.run());
        assert_eq!(first.usage, second.usage, "{design:?}");
        assert_eq!(first.confirmed_at, second.confirmed_at, "{design:?}");
        let stock = first.stock;
        assert_eq!((stock.confirmed, first.dead_letters, stock.on_hand), (60, 0, 0), "{design:?}");
    }
}

/// Adaptive delivery of this number of orders for one product.
fn adaptive(orders: usize, orders_per_second: Option<f64>) -> Simulation {
    Simulation {
        design: Design::Adaptive,
        delivery: DeliveryMode::Direct,
        concurrency: 32,
        orders,
        products: Products::Alternating(1),
        orders_per_second,
        assumptions: Assumptions::default(),
    }
}

#[test]
fn a_burst_of_orders_for_one_product_goes_through_the_queue() {
    let result = adaptive(600, None).run();
    assert!(result.queued > 560, "{} of 600 are queued", result.queued);
    assert_eq!((result.stock.confirmed, result.stock.on_hand, result.dead_letters), (600, 0, 0));
    // The last batch waits for the end of its window.
    assert!(result.confirmed_per_second() > 400.0, "{}", result.confirmed_per_second());
}

#[test]
fn a_quiet_product_never_uses_the_queue() {
    let result = adaptive(60, Some(10.0)).run();
    assert_eq!((result.queued, result.stock.confirmed, result.usage.conflicting_items), (0, 60, 0));
    assert!(result.latency_percentile(99) < Duration::from_millis(15));
}

#[test]
fn the_first_products_of_zipf_s_law_have_most_orders() {
    let simulation = Simulation { products: Products::Zipf(50), ..adaptive(300, Some(100.0)) };
    let result = simulation.run();
    assert_eq!((result.stock.confirmed, result.stock.on_hand, result.dead_letters), (300, 0, 0));
}
