//! The system under test.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use dynamodb::{Item, number, text};
use fastrand::Rng;
use inventory_service::InventoryService;
use order_service::OrderService;
use test_support::TestShop;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::counters::Counters;
use crate::delivery::FailedDelivery;
use crate::editor::{Counts, name_of};
use crate::queue::{BATCH_CONCURRENCY, VisibleFrom};
use crate::scenario::Scenario;
use crate::settings::{CUSTOMERS, PRODUCTS, Settings};
use crate::stock_clerk::Adjustment;

/// The maximum number of concurrent invocations of one function.
const CONCURRENCY: usize = 16;

/// The maximum time until an invocation is aborted.
const ABORT_AFTER: Duration = Duration::from_millis(40);

/// A shop with its functions and the test state.
pub(crate) struct System {
    pub(crate) shop: TestShop,
    pub(crate) settings: Settings,
    pub(crate) orders: OrderService,
    pub(crate) inventory: InventoryService,
    rng: RefCell<Rng>,
    pub(crate) order_slots: Semaphore,
    pub(crate) inventory_slots: Semaphore,
    /// The scenarios that continue when their order is confirmed or rejected, by order id.
    pub(crate) scenarios: RefCell<HashMap<String, Scenario>>,
    /// Orders that were confirmed or rejected before their client got the response.
    pub(crate) confirmed_or_rejected: RefCell<BTreeSet<String>>,
    /// The maximum number of concurrent batches of the queue.
    pub(crate) batch_slots: Arc<Semaphore>,
    pub(crate) visible_from: RefCell<VisibleFrom>,
    pub(crate) dead_letters: RefCell<Vec<FailedDelivery>>,
    /// The bodies of all responses with status 201 for each client, lost responses included.
    pub(crate) created_responses: RefCell<BTreeMap<usize, BTreeSet<String>>>,
    /// The adjustments that clerks have made or tried to make, by number.
    pub(crate) adjustments: RefCell<BTreeMap<usize, Adjustment>>,
    /// The units of each receipt of a product.
    pub(crate) receipts: RefCell<BTreeMap<(String, String), i64>>,
    /// True while EventBridge is in the outage that outlasts the records of the Orders stream.
    pub(crate) is_out: Cell<bool>,
    pub(crate) outage_has_begun: Cell<bool>,
    /// The orders of the records that expired.
    pub(crate) expired_orders: RefCell<BTreeSet<String>>,
    /// The number of records that expired, by the type of their event.
    pub(crate) expired_events: RefCell<BTreeMap<String, usize>>,
    pub(crate) tasks: RefCell<JoinSet<()>>,
    pub(crate) counters: Counters,
}

impl System {
    pub(crate) async fn new(settings: Settings) -> Rc<Self> {
        let shop = TestShop::empty().await;
        seed(&shop, settings.initial_stock()).await;
        Rc::new(Self {
            orders: shop.order_service(),
            inventory: shop.inventory_service(),
            shop,
            settings,
            rng: RefCell::new(Rng::with_seed(settings.seed)),
            order_slots: Semaphore::new(CONCURRENCY),
            inventory_slots: Semaphore::new(CONCURRENCY),
            scenarios: RefCell::default(),
            confirmed_or_rejected: RefCell::default(),
            batch_slots: Arc::new(Semaphore::new(BATCH_CONCURRENCY)),
            visible_from: RefCell::default(),
            dead_letters: RefCell::default(),
            created_responses: RefCell::default(),
            adjustments: RefCell::default(),
            receipts: RefCell::default(),
            is_out: Cell::default(),
            outage_has_begun: Cell::default(),
            expired_orders: RefCell::default(),
            expired_events: RefCell::default(),
            tasks: RefCell::default(),
            counters: Counters::default(),
        })
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.borrow_mut().spawn_local(task);
    }

    /// Returns true at random, with the share of faults as the probability.
    pub(crate) fn draw_fault(&self) -> bool {
        self.rng.borrow_mut().f64() < self.settings.fault_share()
    }

    /// Returns a random duration up to a maximum.
    pub(crate) fn random_up_to(&self, maximum: Duration) -> Duration {
        maximum.mul_f64(self.rng.borrow_mut().f64())
    }

    /// Runs an invocation, or aborts it at random. Returns `None` if aborted.
    pub(crate) async fn run_or_abort<T>(&self, invocation: impl Future<Output = T>) -> Option<T> {
        if !self.draw_fault() {
            return Some(invocation.await);
        }
        let result = timeout(self.random_up_to(ABORT_AFTER), invocation).await.ok();
        if result.is_none() {
            self.counters.aborted_invocations.increment();
        }
        result
    }
}

/// Stores the customers, and the products with their stock.
async fn seed(shop: &TestShop, initial_stock: u64) {
    for n in 0..CUSTOMERS {
        let customer = item([
            ("CustomerId", text(format!("c{n}"))),
            ("Email", text(format!("c{n}@example.com"))),
            ("Name", text(name_of(Counts::default()))),
        ]);
        shop.put(&shop.tables.customers, customer).await;
    }
    for n in 0..PRODUCTS {
        let product = item([
            ("ProductId", text(product_id(n))),
            ("Name", text(name_of(Counts::default()))),
            ("Price", number("9.99")),
        ]);
        shop.put(&shop.tables.products, product).await;
        shop.set_stock(&product_id(n), initial_stock).await;
    }
}

pub(crate) fn product_id(n: usize) -> String {
    format!("p{n:02}")
}

fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
