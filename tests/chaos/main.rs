//! The chaos test: hundreds of orders while calls of DynamoDB, EventBridge and SQS fail, invocations stop
//! in the middle, responses are lost and events are delivered twice. EventBridge is unavailable until
//! records expire. Meanwhile stock is adjusted, goods arrive, and customers and products change. No order, no event and no unit of stock may be
//! lost or duplicated.
//!
//! `make storm ORDERS=10000 SEED=7 FAULTS=25` runs it with other settings and prints its figures. The
//! seed determines the orders and the fault of the nth call. The order of the calls depends on the
//! machine, so the figures vary slightly.
//!
//! It is a separate program, so that it does not share the engine with other tests.

use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use test_support::FaultInjector;
use tokio::task::LocalSet;
use tokio::time::timeout;

use editor::EDITORS;
use relay::Streams;
use settings::Settings;
use stock_clerk::CLERKS;
use system::System;

mod checks;
mod client;
mod counters;
mod delivery;
mod editor;
mod outage;
mod queue;
mod relay;
mod report;
mod requests;
mod scenario;
mod settings;
mod stock_clerk;
mod system;
mod warehouse;

/// The DynamoDB calls that fail in an outage. Many calls are concurrent, so the outage covers several
/// retries of each.
const DYNAMODB_OUTAGE: Range<usize> = 500..800;

/// The EventBridge calls that fail in an outage, enough to fail two invocations of the relay.
const EVENTBRIDGE_OUTAGE: Range<usize> = 5..30;

/// The SQS calls that fail in an outage. Their events are applied without the queue.
const SQS_OUTAGE: Range<usize> = 20..60;

/// The maximum duration of the test.
const TIMEOUT: Duration = Duration::from_secs(1800);

#[test]
fn loses_and_duplicates_nothing_while_calls_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let test = async { timeout(TIMEOUT, run(Settings::from_env())).await };
    let report = LocalSet::new().block_on(&runtime, test).expect("the test takes too long");
    println!("{report}");
}

async fn run(settings: Settings) -> String {
    let started = Instant::now();
    let system = System::new(settings).await;
    let mut streams = Streams::new(&system.shop).await;
    let faults = |seed| FaultInjector::new(seed, settings.fault_share());
    system.shop.proxy.start_faults(faults(settings.seed).with_outage(DYNAMODB_OUTAGE));
    system.shop.bus.start_faults(faults(settings.seed + 1).with_outage(EVENTBRIDGE_OUTAGE));
    system.shop.queues.start_faults(faults(settings.seed + 2).with_outage(SQS_OUTAGE));
    for n in 0..settings.orders {
        system.spawn(Rc::clone(&system).run_client(n));
    }
    for clerk in 0..CLERKS {
        system.spawn(Rc::clone(&system).run_stock_clerk(clerk));
    }
    for editor in 0..EDITORS {
        system.spawn(Rc::clone(&system).run_editor(editor));
    }
    system.spawn(Rc::clone(&system).run_warehouse());
    system.spawn(Rc::clone(&system).run_outage());
    system.run_until_idle(&mut streams).await;
    system.republish_expired(&mut streams).await;
    let remaining = system.redrive(&mut streams).await;
    let dynamodb = system.shop.proxy.stop_faults().unwrap();
    let eventbridge = system.shop.bus.stop_faults().unwrap();
    let sqs = system.shop.queues.stop_faults().unwrap();
    let totals = system.check(&remaining).await;
    system.report(&totals, started.elapsed(), [&dynamodb, &eventbridge, &sqs])
}
