//! Measures and prints the curves: `make bench-hot`, which can be given a
//! number of orders.

use std::env;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use contention::design::{Design, End};
use contention::model::Rules;
use contention::queue::Delivery;
use contention::run::{Outcome, Scenario};

const ORDERS: usize = 10_000;
const CONCURRENCY: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Orders a second, where they come one after the other.
const RATES: [f64; 6] = [1.0, 10.0, 100.0, 300.0, 1000.0, 3000.0];
/// How many invocations there are at the same time at most: of what is invoked
/// for each event, and of what polls a queue, which is the template's
/// `BatchConcurrency`.
const UNBOUNDED: usize = 256;
const POLLERS: usize = 2;

/// A design, how events reach it, and how many invocations there are at most.
type Named = (&'static str, Design, Delivery, usize);

fn main() {
    let orders = env::args().nth(1).map_or(ORDERS, |count| count.parse().expect("a number of orders"));
    println!("{:#?}", Rules::default());
    print_by_concurrency(orders);
    print_by_rate(orders);
}

const fn batches(size: usize, seconds: u64) -> Delivery {
    Delivery::Batched { size, window: Duration::from_secs(seconds) }
}

fn print_by_concurrency(orders: usize) {
    let designs: [Named; 8] = [
        ("transaction", Design::Transaction, Delivery::Direct, UNBOUNDED),
        ("4 stripes", Design::Stripes(4), Delivery::Direct, UNBOUNDED),
        ("16 stripes", Design::Stripes(16), Delivery::Direct, UNBOUNDED),
        ("single item", Design::SingleItem, Delivery::Direct, UNBOUNDED),
        ("batches of 10", Design::Batch, batches(10, 0), UNBOUNDED),
        ("batches of 99", Design::Batch, batches(99, 1), UNBOUNDED),
        ("10, two pollers", Design::Batch, batches(10, 0), POLLERS),
        ("99, two pollers", Design::Batch, batches(99, 1), POLLERS),
    ];
    let measured = |most: usize| CONCURRENCY.into_iter().filter(move |&concurrency| concurrency <= most);
    let scenarios = designs.iter().flat_map(|&(_, design, delivery, most)| {
        measured(most).map(move |concurrency| Scenario {
            design,
            delivery,
            concurrency,
            orders,
            per_second: None,
            rules: Rules::default(),
        })
    });
    let mut outcomes = run(&scenarios.collect::<Vec<_>>()).into_iter();

    println!("\n{orders} orders for one product, all there at once\n");
    println!(
        "| design | at a time | confirmed/s | last after | conflicts/order | units/order | … and refused | failures | dead letters |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --: | --: |");
    let mut curves = Vec::new();
    for (name, _, _, most) in designs {
        let mut curve = Vec::new();
        for (concurrency, outcome) in measured(most).zip(&mut outcomes) {
            let last = outcome.confirmed_at.last().map_or(0.0, Duration::as_secs_f64);
            let (rate, costs) = (outcome.per_second(), costs(&outcome, orders));
            println!("| {name} | {concurrency} | {rate:.0} | {last:.1} s | {costs} |");
            curve.push(rate);
        }
        // More at a time than there may be is no more than there may be.
        curve.resize(CONCURRENCY.len(), curve.last().copied().unwrap_or_default());
        curves.push((name, curve));
    }
    print_curves(&curves);
}

fn print_curves(curves: &[(&str, Vec<f64>)]) {
    println!("\nConfirmed orders a second at {CONCURRENCY:?} at a time\n");
    let fastest = curves.iter().flat_map(|(_, curve)| curve).copied().fold(0.0, f64::max);
    for (name, curve) in curves {
        let bars: String = curve.iter().map(|rate| bar(rate / fastest)).collect();
        println!("{name:>16} {bars} {:.0} to {:.0}", curve[0], curve[curve.len() - 1]);
    }
}

fn print_by_rate(orders: usize) {
    let designs: [Named; 3] = [
        ("transaction", Design::Transaction, Delivery::Direct, UNBOUNDED),
        ("10, two pollers", Design::Batch, batches(10, 0), POLLERS),
        ("99, two pollers", Design::Batch, batches(99, 1), POLLERS),
    ];
    // A minute of each rate is enough to see where it leads.
    let count = |rate: f64| orders.min((rate * 60.0) as usize);
    let scenarios = designs.iter().flat_map(|&(_, design, delivery, concurrency)| {
        RATES.map(|rate| Scenario {
            design,
            delivery,
            concurrency,
            orders: count(rate),
            per_second: Some(rate),
            rules: Rules::default(),
        })
    });
    let outcomes = run(&scenarios.collect::<Vec<_>>());

    println!("\nOrders for one product, so many in each second\n");
    println!(
        "| design | orders/s | median | 99th percentile | conflicts/order | units/order | … and refused | failures | dead letters |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --: | --: |");
    for ((name, ..), outcomes) in designs.iter().zip(outcomes.chunks(RATES.len())) {
        for (rate, outcome) in RATES.iter().zip(outcomes) {
            println!(
                "| {name} | {rate} | {} ms | {} ms | {} |",
                outcome.percentile(50).as_millis(),
                outcome.percentile(99).as_millis(),
                costs(outcome, count(*rate))
            );
        }
    }
}

fn costs(outcome: &Outcome, orders: usize) -> String {
    let per_order = |count: f64| count / orders as f64;
    let tally = outcome.tally;
    format!(
        "{:.2} | {:.2} | {:.2} | {} | {}",
        per_order(tally.conflicts as f64),
        per_order(tally.units),
        per_order(tally.units + tally.wasted),
        outcome.failures,
        outcome.dead,
    )
}

fn bar(share: f64) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    BARS[((share * 8.0) as usize).min(7)]
}

/// Runs the scenarios, as many at a time as there are processors; their
/// outcomes are in their order.
fn run(scenarios: &[Scenario]) -> Vec<Outcome> {
    let (next, (send, receive)) = (AtomicUsize::new(0), mpsc::channel());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let (next, send) = (&next, send.clone());
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(n) else {
                        return;
                    };
                    eprintln!("{} of {}: {:?}", n + 1, scenarios.len(), scenario.design);
                    let outcome = scenario.run();
                    check(scenario, &outcome);
                    send.send((n, outcome)).expect("somebody collects");
                }
            });
        }
    });
    drop(send);
    let mut outcomes: Vec<_> = receive.into_iter().collect();
    outcomes.sort_by_key(|(n, _)| *n);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Every order is confirmed or its event kept in the dead-letter queue, and
/// every piece is on hand or with one order.
fn check(scenario: &Scenario, outcome: &Outcome) {
    let End { confirmed, left, held } = outcome.end;
    assert!(confirmed + outcome.dead >= scenario.orders, "an order is lost: {scenario:?} {outcome:?}");
    let pieces = i64::try_from(confirmed + held).expect("few") + left;
    let initial = i64::try_from(scenario.orders).expect("few");
    assert!(left >= 0 && pieces == initial, "stock is oversold or lost: {scenario:?} {outcome:?}");
}
