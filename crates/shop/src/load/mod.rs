//! `shop load`: sends requests to a deployed API at a rate that does not depend on the responses.

pub mod distribution;
mod mix;
mod report;
mod results;
mod schedule;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use domain::{OrderId, OrderStatus, ProductId};
use fastrand::Rng;
use indicatif::ProgressBar;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::api_client::{Access, ApiClient, ApiResult};
use crate::feed::{ChangedItem, FeedError, OrderChange, POLL_INTERVAL, Start, TableStream};
use crate::stack::Stack;
use mix::{Mix, PlannedRequest, RequestKind};
pub use report::LoadReport;
pub use results::Percentiles;
use results::{HistogramError, Results};
pub use schedule::Arrivals;

/// Maximum requests per second of one process.
const MAX_RATE: i64 = 1000;
/// Longest time in seconds.
const MAX_SECONDS: i64 = 3600;
/// Time for which orders may be undecided after the last request.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Options of `shop load`.
#[derive(Debug, Clone, Args)]
pub struct LoadOptions {
    /// Requests a second, at most 1000
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MAX_RATE))]
    pub rate: u32,
    /// Seconds for which to send requests, at most 3600
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS as u64))]
    pub seconds: u64,
    /// Distribution of the times between two requests
    #[arg(long, value_enum, default_value = "poisson")]
    pub arrivals: Arrivals,
    /// Percentage of requests that cancel an order of this load
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(..=50))]
    pub cancels: u8,
    /// Percentage of requests that restock a product
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(..=50))]
    pub restocks: u8,
    /// Customer ID of the orders
    #[arg(long, value_name = "ID", default_value = "001")]
    pub customer: String,
    /// Product to order and to restock; repeat the option for several
    #[arg(long = "product", value_name = "ID", default_values = ["001", "002"])]
    pub products: Vec<ProductId>,
    /// Write the latency distribution to this CSV file
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write the latency chart to this SVG file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Seed of the random numbers
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Access to a closed API.
    #[command(flatten)]
    pub access: Access,
}

/// A load that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The stream of the Orders table cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A histogram cannot be created.
    #[error(transparent)]
    Histogram(#[from] HistogramError),
    /// The root certificates of the system cannot be read.
    #[error("root certificates: {0}")]
    Roots(#[from] io::Error),
}

/// The decision about an order.
#[derive(Debug, Clone, Copy)]
struct Decision {
    is_confirmed: bool,
    /// Time since the order was placed.
    age: Duration,
}

/// The state of a load. Requests and the reader of the stream share it.
struct Load {
    client: ApiClient,
    results: RefCell<Results>,
    /// Orders that are placed and not canceled by this load.
    cancelable: RefCell<Vec<OrderId>>,
    /// Orders that are neither decided nor canceled.
    undecided: RefCell<BTreeSet<String>>,
    /// Decisions about orders that are not known, or not yet: the response may come later.
    unmatched: RefCell<BTreeMap<String, Decision>>,
}

/// Sends the requests, and waits until the orders are decided.
///
/// # Errors
/// A [`LoadError`]. A request that fails is part of the report.
pub async fn run(stack: &Stack, options: &LoadOptions) -> Result<LoadReport, LoadError> {
    let load = Rc::new(Load {
        client: ApiClient::new(&stack.api_url, options.access.clone())?,
        results: RefCell::new(Results::new()?),
        cancelable: RefCell::default(),
        undecided: RefCell::default(),
        unmatched: RefCell::default(),
    });
    let mut stream = TableStream::open(&stack.config, &stack.tables.orders, Start::Newest).await?;
    let sending = LocalSet::new();
    sending
        .run_until(async {
            let requests = tokio::task::spawn_local(send_all(Rc::clone(&load), options.clone()));
            follow(&load, &mut stream, &requests).await;
        })
        .await;
    let (results, undecided) = (load.results.borrow(), load.undecided.borrow().len());
    Ok(LoadReport::of(&stack.name, options.rate, options.seconds, &results, undecided))
}

/// Sends each request when it is due, and waits for the responses.
async fn send_all(load: Rc<Load>, options: LoadOptions) {
    let mut rng = options.seed.map_or_else(Rng::new, Rng::with_seed);
    let duration = Duration::from_secs(options.seconds);
    let times = schedule::schedule(options.arrivals, options.rate, duration, &mut rng);
    let mix = Mix {
        cancels: options.cancels,
        restocks: options.restocks,
        customer: options.customer,
        products: options.products,
        run: Uuid::now_v7().to_string(),
    };
    let progress = ProgressBar::new(u64::try_from(times.len()).unwrap_or_default());
    let (start, mut requests) = (Instant::now(), JoinSet::new());
    for (n, time) in times.into_iter().enumerate() {
        let due = start + time;
        sleep_until(due).await;
        let planned = mix.next(n, &mut load.cancelable.borrow_mut(), &mut rng);
        if let Some(planned) = planned {
            requests.spawn_local(Rc::clone(&load).send(planned, due));
        }
        progress.inc(1);
    }
    while requests.join_next().await.is_some() {}
    progress.finish_and_clear();
}

/// Records the decisions about orders in the stream, until all requests have their response and all orders
/// are decided.
async fn follow(load: &Load, stream: &mut TableStream, requests: &tokio::task::JoinHandle<()>) {
    let mut last_request = Instant::now();
    loop {
        match stream.poll().await {
            Ok(changes) => changes.iter().for_each(|change| load.record_item(change)),
            // The next poll reads the same records.
            Err(error) => eprintln!("shop: {error}"),
        }
        if !requests.is_finished() {
            last_request = Instant::now();
        } else if load.undecided.borrow().is_empty() || last_request.elapsed() > MAX_WAIT {
            return;
        }
        sleep(POLL_INTERVAL).await;
    }
}

impl Load {
    async fn send(self: Rc<Self>, planned: PlannedRequest, due: Instant) {
        let result = self.client.post(&planned.request).await;
        self.record_response(&planned, result, due.elapsed());
    }

    fn record_response(&self, planned: &PlannedRequest, result: ApiResult, latency: Duration) {
        let kind = planned.kind;
        let body = match result {
            Err(reason) => return self.results.borrow_mut().record_error(kind, reason),
            Ok((status, body)) if status < 300 => body,
            // The order was rejected.
            Ok((409, body)) if kind == RequestKind::Cancel => body,
            Ok((status, _)) => return self.results.borrow_mut().record_error(kind, &status.to_string()),
        };
        self.results.borrow_mut().record(kind, latency);
        if let Some(order) = &planned.canceled {
            self.undecided.borrow_mut().remove(order.as_str());
        }
        let placed = body["orderId"].as_str().filter(|_| kind == RequestKind::Order);
        if let Some(order) = placed.and_then(|id| id.parse().ok()) {
            self.record_placement(order);
        }
    }

    fn record_placement(&self, order: OrderId) {
        if let Some(decision) = self.unmatched.borrow_mut().remove(order.as_str()) {
            self.results.borrow_mut().record_decision(decision.is_confirmed, decision.age);
        } else {
            self.undecided.borrow_mut().insert(order.to_string());
        }
        self.cancelable.borrow_mut().push(order);
    }

    /// Records the change of an item, if it is a decision about an order.
    fn record_item(&self, item: &ChangedItem) {
        if let Ok(Some(change)) = OrderChange::of(item) {
            self.record_change(&change);
        }
    }

    /// Records that an order of this load is confirmed or rejected.
    fn record_change(&self, change: &OrderChange) {
        if !change.is_decision() {
            return;
        }
        let is_confirmed = change.to == OrderStatus::Confirmed;
        let decision = Decision { is_confirmed, age: Duration::from_millis(change.age_ms) };
        if self.undecided.borrow_mut().remove(&change.order_id) {
            self.results.borrow_mut().record_decision(decision.is_confirmed, decision.age);
        } else {
            self.unmatched.borrow_mut().insert(change.order_id.clone(), decision);
        }
    }
}
