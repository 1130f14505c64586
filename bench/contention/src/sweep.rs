//! Simulations of all designs by concurrency and by arrival rate.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use figures::rows::{HotProductDelivery, HotProductLatency, HotProductThroughput};

use crate::design::Design;
use crate::model::Assumptions;
use crate::orders::{FinalStock, Products};
use crate::queue::DeliveryMode;
use crate::simulation::{MAX_BATCHES, Simulation, SimulationResult};

/// The simulated numbers of concurrent invocations.
pub const CONCURRENCY: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// The simulated arrival rates, in orders per second.
pub const RATES: [f64; 6] = [1.0, 10.0, 100.0, 300.0, 1000.0, 3000.0];
/// The limit for invocations by a bus rule.
const UNBOUNDED: usize = 256;
/// The limit for invocations by the queue.
const POLLERS: usize = MAX_BATCHES;

/// The simulated numbers of concurrent invocations by a bus rule with adaptive delivery.
pub const BUS_CONCURRENCY: [usize; 4] = [1, 8, 64, 1_000];
/// The simulated arrival rates with adaptive delivery, in orders per second. The orders of the first
/// one arrive at once.
pub const DELIVERY_RATES: [f64; 5] = [0.0, 10.0, 100.0, 1_000.0, 3_000.0];
/// The simulated numbers of products with adaptive delivery.
pub const PRODUCTS: [usize; 2] = [1, 50];

/// A design with its delivery and the largest number of concurrent invocations.
#[derive(Debug, Clone, Copy)]
struct Variant {
    name: &'static str,
    design: Design,
    delivery: DeliveryMode,
    max_concurrency: usize,
}

impl Variant {
    const ADAPTIVE: Self = Self::direct("adaptive", Design::Adaptive);
    const DIRECT: Self = Self::direct("direct", Design::Transaction);
    const BATCHED: Self = Self { name: "batched", ..Self::BATCHES_99_POLLED };
    const TRANSACTION: Self = Self::direct("transaction", Design::Transaction);
    const STRIPES_4: Self = Self::direct("4 stripes", Design::Stripes(4));
    const STRIPES_16: Self = Self::direct("16 stripes", Design::Stripes(16));
    const SINGLE_ITEM: Self = Self::direct("single item", Design::SingleItem);
    const BATCHES_10: Self = Self::batched("batches of 10", 10, Duration::ZERO, UNBOUNDED);
    const BATCHES_99: Self = Self::batched("batches of 99", 99, Duration::from_secs(1), UNBOUNDED);
    const BATCHES_10_POLLED: Self = Self::batched("batches of 10 (2 pollers)", 10, Duration::ZERO, POLLERS);
    const BATCHES_99_POLLED: Self =
        Self::batched("batches of 99 (2 pollers)", 99, Duration::from_secs(1), POLLERS);

    const fn direct(name: &'static str, design: Design) -> Self {
        Self { name, design, delivery: DeliveryMode::Direct, max_concurrency: UNBOUNDED }
    }

    const fn batched(name: &'static str, max_size: usize, window: Duration, max_concurrency: usize) -> Self {
        let delivery = DeliveryMode::Batched { max_size, window };
        Self { name, design: Design::Batch, delivery, max_concurrency }
    }

    fn simulation(&self, concurrency: usize, orders: usize, orders_per_second: Option<f64>) -> Simulation {
        let (design, delivery, assumptions) = (self.design, self.delivery, Assumptions::default());
        let stripes = if let Design::Stripes(stripes) = design { stripes } else { 1 };
        let products = Products::Alternating(stripes);
        Simulation { design, delivery, concurrency, orders, products, orders_per_second, assumptions }
    }
}

/// Simulates orders that arrive at once, by the number of concurrent invocations.
#[must_use]
pub fn by_concurrency(orders: usize) -> Vec<HotProductThroughput> {
    let variants = [
        Variant::TRANSACTION,
        Variant::STRIPES_4,
        Variant::STRIPES_16,
        Variant::SINGLE_ITEM,
        Variant::BATCHES_10,
        Variant::BATCHES_99,
        Variant::BATCHES_10_POLLED,
        Variant::BATCHES_99_POLLED,
    ];
    let mut runs = Vec::new();
    for variant in variants {
        for concurrency in CONCURRENCY.into_iter().filter(|limit| *limit <= variant.max_concurrency) {
            runs.push((variant.name, variant.simulation(concurrency, orders, None)));
        }
    }
    let row = |(name, simulation, result): (&str, Simulation, SimulationResult)| HotProductThroughput {
        design: name.to_owned(),
        concurrency: simulation.concurrency,
        confirmed_per_second: rounded(result.confirmed_per_second(), 0),
        last_confirmed_seconds: rounded(result.confirmed_at.last().map_or(0.0, Duration::as_secs_f64), 1),
        conflicts_per_order: per_order(result.usage.conflicting_items as f64, orders),
        write_units_per_order: per_order(result.usage.write_units, orders),
        total_units_per_order: per_order(result.usage.write_units + result.usage.rejected_units, orders),
        failures: result.failures,
        dead_letters: result.dead_letters,
    };
    run_all(runs).into_iter().map(row).collect()
}

/// Simulates orders that arrive at a constant rate, for one minute or up to a
/// number of orders.
#[must_use]
pub fn by_rate(max_orders: usize) -> Vec<HotProductLatency> {
    let variants = [Variant::TRANSACTION, Variant::BATCHES_10_POLLED, Variant::BATCHES_99_POLLED];
    let mut runs = Vec::new();
    for variant in variants {
        for rate in RATES {
            let orders = max_orders.min((rate * 60.0) as usize);
            runs.push((variant.name, variant.simulation(variant.max_concurrency, orders, Some(rate))));
        }
    }
    let row = |(name, simulation, result): (&str, Simulation, SimulationResult)| HotProductLatency {
        design: name.to_owned(),
        orders_per_second: simulation.orders_per_second.unwrap_or_default(),
        median_ms: millis(result.latency_percentile(50)),
        p99_ms: millis(result.latency_percentile(99)),
        conflicts_per_order: per_order(result.usage.conflicting_items as f64, simulation.orders),
        write_units_per_order: per_order(result.usage.write_units, simulation.orders),
        total_units_per_order: per_order(
            result.usage.write_units + result.usage.rejected_units,
            simulation.orders,
        ),
        failures: result.failures,
        dead_letters: result.dead_letters,
    };
    run_all(runs).into_iter().map(row).collect()
}

/// Simulates adaptive delivery against an invocation per event and a queue for every event, by
/// products, concurrency and arrival rate. The orders of a rate arrive for one minute, or up to a
/// number of orders.
#[must_use]
pub fn by_delivery(max_orders: usize) -> Vec<HotProductDelivery> {
    let mut runs = Vec::new();
    for variant in [Variant::ADAPTIVE, Variant::DIRECT, Variant::BATCHED] {
        let concurrencies = if variant.design == Design::Batch { &[POLLERS][..] } else { &BUS_CONCURRENCY };
        for products in PRODUCTS {
            for &concurrency in concurrencies {
                for rate in DELIVERY_RATES {
                    let rate = (rate > 0.0).then_some(rate);
                    let orders = rate.map_or(max_orders, |rate| max_orders.min((rate * 60.0) as usize));
                    let simulation = variant.simulation(concurrency, orders, rate);
                    let products = if products == 1 { simulation.products } else { Products::Zipf(products) };
                    runs.push((variant.name, Simulation { products, ..simulation }));
                }
            }
        }
    }
    run_all(runs).into_iter().map(delivery_row).collect()
}

fn delivery_row((name, simulation, result): (&str, Simulation, SimulationResult)) -> HotProductDelivery {
    let products = if let Products::Zipf(products) = simulation.products { products } else { 1 };
    let units = result.usage.write_units + result.usage.rejected_units;
    HotProductDelivery {
        delivery: name.to_owned(),
        products,
        concurrency: simulation.concurrency,
        orders_per_second: simulation.orders_per_second.unwrap_or_default(),
        confirmed_per_second: rounded(result.confirmed_per_second(), 0),
        median_ms: millis(result.latency_percentile(50)),
        p99_ms: millis(result.latency_percentile(99)),
        units_per_order: per_order(units, simulation.orders),
        queued_share: per_order(result.queued as f64, simulation.orders),
        dead_letters: result.dead_letters,
    }
}

fn per_order(count: f64, orders: usize) -> f64 {
    rounded(count / orders as f64, 2)
}

fn rounded(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().expect("a number")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a short time")
}

/// Runs the simulations, as many at a time as there are processors. Returns the
/// results in the order of the simulations.
fn run_all(runs: Vec<(&'static str, Simulation)>) -> Vec<(&'static str, Simulation, SimulationResult)> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let (next, runs, sender) = (&next, &runs, sender.clone());
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some((name, simulation)) = runs.get(n) else {
                        return;
                    };
                    eprintln!("{} of {}: {name}", n + 1, runs.len());
                    let result = simulation.run();
                    check(simulation, &result);
                    sender.send((n, result)).expect("the receiver is open");
                }
            });
        }
    });
    drop(sender);
    let mut results: Vec<_> = receiver.into_iter().collect();
    results.sort_by_key(|(n, _)| *n);
    runs.into_iter()
        .zip(results)
        .map(|((name, simulation), (_, result))| (name, simulation, result))
        .collect()
}

/// Checks that no order is lost and no unit of stock is lost or sold twice.
fn check(simulation: &Simulation, result: &SimulationResult) {
    let FinalStock { confirmed, on_hand, held } = result.stock;
    assert!(
        confirmed + result.dead_letters >= simulation.orders,
        "an order is lost: {simulation:?} {result:?}"
    );
    let units = i64::try_from(confirmed + held).expect("a small number") + on_hand;
    let initial = i64::try_from(simulation.orders).expect("a small number");
    assert!(on_hand >= 0 && units == initial, "stock is oversold or lost: {simulation:?} {result:?}");
}
