//! Random changes in batches of random sizes while the bus fails: the crossed levels are the same
//! events, nothing is skipped, and a consumer that drops lower revisions ends at the quantity of
//! the table.

use std::collections::{BTreeMap, BTreeSet};

use domain::{StockChange, Timestamp};
use fastrand::Rng;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::Value;
use test_support::{FaultInjector, PublishedEvent, TestShop};

use super::{Stock, record, relay, sequence_number};

/// The file with the seeds of failed cases.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/stock_relay.txt");

const PRODUCTS: [&str; 3] = ["001", "002", "003"];

/// A random change of a product.
#[derive(Debug, Clone, Copy)]
enum Change {
    Quantity(usize, u64),
    ReorderPoint(usize, u64),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0..PRODUCTS.len(), 0_u64..5).prop_map(|(product, quantity)| Change::Quantity(product, quantity)),
        1 => (0..PRODUCTS.len(), 1_u64..4).prop_map(|(product, point)| Change::ReorderPoint(product, point)),
    ];
    prop::collection::vec(change, 1..40)
}

/// The records of changes, the events that they must cause, and the last states.
#[derive(Debug, Default)]
struct History {
    records: Vec<Value>,
    /// Details of the crossed levels of each product, in order.
    crossings: BTreeMap<&'static str, Vec<String>>,
    stock: BTreeMap<&'static str, Stock>,
}

impl History {
    fn of(changes: &[Change]) -> Self {
        let mut history = Self::default();
        for change in changes {
            let (Change::Quantity(product, _) | Change::ReorderPoint(product, _)) = *change;
            let product = PRODUCTS[product];
            let before = history.stock.get(product).copied();
            let after = match (*change, before) {
                (Change::Quantity(_, quantity), Some(before)) => before.then(quantity),
                (Change::ReorderPoint(_, point), Some(before)) => before.then_reorder_at(point),
                (Change::Quantity(_, quantity), None) => Stock::new(product, quantity),
                (Change::ReorderPoint(_, point), None) => {
                    Stock { reorder_point: Some(point), ..Stock::new(product, 0) }
                }
            };
            history.add(before, after);
        }
        history
    }

    fn add(&mut self, before: Option<Stock>, after: Stock) {
        let number = self.records.len();
        let millis = (1_735_689_600 + number as u64) * 1000;
        let time = Timestamp::from_unix_millis(millis).unwrap();
        let change = StockChange { before: before.map(Stock::level), after: after.level(), time };
        let details = change.threshold_events().into_iter().map(|event| event.to_json().unwrap());
        self.crossings.entry(after.product).or_default().extend(details);
        self.records.push(record(number, before, after));
        self.stock.insert(after.product, after);
    }
}

/// Relays records in batches of random sizes. After a failure, the next batch starts with the first
/// failed record, as Lambda does it.
async fn relay_in_random_batches(shop: &TestShop, records: &[Value], rng: &mut Rng) {
    let mut begin = 0;
    for _ in 0..10_000 {
        if begin == records.len() {
            return;
        }
        let end = rng.usize(begin + 1..=records.len());
        let batch = &records[begin..end];
        begin = match relay(shop, batch).await {
            None => end,
            Some(failed) => {
                let failed = batch.iter().position(|record| sequence_number(record) == failed);
                begin + failed.expect("the response names a record of the batch")
            }
        };
    }
    panic!("the relay does not finish");
}

/// Returns the details of the crossed levels of each product, without repeated publications.
fn distinct_crossings(events: &[PublishedEvent]) -> BTreeMap<String, Vec<String>> {
    let mut ids = BTreeSet::new();
    let mut crossings: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.detail_type() != "InventoryUpdated") {
        let detail = event.detail();
        if ids.insert(detail["metadata"]["eventId"].to_string()) {
            let product = detail["productId"].as_str().unwrap().to_owned();
            crossings.entry(product).or_default().push(event.detail_text().to_owned());
        }
    }
    crossings
}

/// Returns the quantities that a consumer ends at. It drops events with a lower revision.
fn consume<'a>(events: impl IntoIterator<Item = &'a PublishedEvent>) -> BTreeMap<String, u64> {
    let mut seen: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for event in events {
        let detail = event.detail();
        let (revision, quantity) =
            (detail["revision"].as_u64().unwrap(), detail["quantity"].as_u64().unwrap());
        let last = seen.entry(detail["productId"].as_str().unwrap().to_owned()).or_default();
        if revision >= last.0 {
            *last = (revision, quantity);
        }
    }
    seen.into_iter().map(|(product, (_, quantity))| (product, quantity)).collect()
}

async fn check(changes: &[Change], seed: u64, faults: f64) {
    let history = History::of(changes);
    let shop = TestShop::empty().await;
    let mut rng = Rng::with_seed(seed);
    shop.bus.start_faults(FaultInjector::new(seed, faults));
    relay_in_random_batches(&shop, &history.records, &mut rng).await;
    let mut events = shop.bus.published();

    let expected: BTreeMap<_, _> = history
        .crossings
        .iter()
        .filter(|(_, details)| !details.is_empty())
        .map(|(product, details)| ((*product).to_owned(), details.clone()))
        .collect();
    assert_eq!(distinct_crossings(&events), expected, "{changes:?}");

    // A new item that has no units causes no event of a level, but an update.
    let stock: BTreeMap<_, _> =
        history.stock.iter().map(|(product, stock)| ((*product).to_owned(), stock.quantity)).collect();
    let copies = events.clone();
    events.extend(copies);
    rng.shuffle(&mut events);
    assert_eq!(consume(&events), stock, "{changes:?}");
}

fn block_on(check: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(check);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn crossed_levels_and_final_quantities_do_not_depend_on_batches_and_failures(
        changes in changes(), seed in any::<u64>(), faults in prop::sample::select(vec![0.0, 0.3]),
    ) {
        block_on(check(&changes, seed, faults));
    }
}
