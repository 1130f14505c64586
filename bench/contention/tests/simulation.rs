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
