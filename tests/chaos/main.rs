//! A storm: hundreds of orders while calls of DynamoDB and EventBridge go
//! wrong, invocations end in the middle, answers do not reach the client and
//! events are delivered twice. Nothing may be lost, and nothing doubled.
//!
//! `make storm ORDERS=10000 SEED=7 FAULTS=25` makes a larger one and shows its
//! figures. The seed decides what is ordered and what befalls the nth call;
//! which call comes nth is up to the machine, so that figures vary a little.
//!
//! A program of its own, so that no other test has to share the engine with it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::env;
use std::fmt::{Display, Write as _};
use std::future::Future;
use std::ops::Range;
use std::rc::Rc;
use std::str::FromStr;
use std::time::{Duration, Instant};

use domain::{EventKind, Order, OrderStatus};
use fastrand::Rng;
use inventory_service::{ILLEGAL_TRANSITION, InventoryService};
use order_service::OrderService;
use serde_json::Value;
use serde_json::value::RawValue;
use tables::{Item, number, text};
use test_support::{
    ApiRequest, ApiResponse, FaultInjector, Function, PublishedEvent, StreamPoller, TestShop,
    consumer_max_attempts, invocation, routed_events, stream_max_attempts,
};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

const PRODUCTS: usize = 20;
const CUSTOMERS: usize = 10;

/// How many invocations of one function run at a time.
const CONCURRENCY: usize = 16;

/// Lambda waits one minute, then two, before it tries an event again; the storm
/// waits this long, then twice as long.
const BEFORE_RETRY: Duration = Duration::from_millis(200);

/// How long Lambda waits before it looks into the stream again; it takes 250 ms.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
const BETWEEN_POLLS: Duration = Duration::from_millis(100);

/// The longest that a client waits before it tries again.
const BEFORE_REPEAT: Duration = Duration::from_millis(100);

/// When an invocation is cut off, if it is.
const CUT_OFF: Duration = Duration::from_millis(40);

/// The calls for which DynamoDB is away altogether. Many are made at a time, so
/// that each of those who make them is turned away a few times.
const DYNAMODB_OUTAGE: Range<usize> = 500..800;

/// The calls for which EventBridge is away: enough for the relay to give up, twice.
const EVENTBRIDGE_OUTAGE: Range<usize> = 5..30;

/// How often it may take to redrive dead letters.
const ROUNDS: usize = 10;

/// A storm that takes longer goes in circles.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What is to become of an order, once it is placed.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Kept,
    /// The customer cancels it at once, or when it has been decided.
    CanceledAtOnce,
    CanceledLater,
    /// Another producer cancels it at once.
    CanceledByEvent,
    /// The warehouse ships it when it has been decided, and perhaps reports that it arrived.
    Shipped,
    Delivered,
    /// A carrier reports both, whether the order has been decided or not.
    DeliveredByEvent,
}

const FATES: [(Fate, u32); 7] = [
    (Fate::Kept, 40),
    (Fate::CanceledAtOnce, 10),
    (Fate::CanceledLater, 10),
    (Fate::CanceledByEvent, 5),
    (Fate::Shipped, 10),
    (Fate::Delivered, 15),
    (Fate::DeliveredByEvent, 10),
];

/// An event for InventoryServiceFunction.
#[derive(Debug, Clone)]
struct Delivery {
    kind: EventKind,
    order: String,
    envelope: Box<RawValue>,
}

/// An event that InventoryServiceFunction failed on for the last time.
#[derive(Debug)]
struct DeadLetter {
    delivery: Delivery,
    reason: &'static str,
}

/// What was counted.
#[derive(Debug, Default)]
struct Tally {
    requests: Cell<usize>,
    repeated: Cell<usize>,
    lost_replies: Cell<usize>,
    cut_off: Cell<usize>,
    batches: Cell<usize>,
    batches_again: Cell<usize>,
    deliveries: Cell<usize>,
    doubled: Cell<usize>,
    retried: Cell<usize>,
    dead_letters: Cell<usize>,
    redriven: Cell<usize>,
}

fn count(cell: &Cell<usize>) {
    cell.set(cell.get() + 1);
}

/// How large the storm is.
#[derive(Debug, Clone, Copy)]
struct Scale {
    orders: usize,
    seed: u64,
    /// How many of a hundred calls, invocations, responses and deliveries go wrong.
    faults: u32,
}

impl Scale {
    fn from_env() -> Self {
        Self {
            orders: setting("STORM_ORDERS", 500),
            seed: setting("STORM_SEED", 1),
            faults: setting("STORM_FAULTS", 10),
        }
    }

    fn share(self) -> f64 {
        f64::from(self.faults) / 100.0
    }

    /// So many that most orders, but not all, can be had.
    fn stock(self) -> u64 {
        u64::try_from(self.orders * 3 / PRODUCTS).unwrap() + 1
    }
}

fn setting<T: FromStr<Err: Display>>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        _ => default,
    }
}

fn product(n: usize) -> String {
    format!("p{n:02}")
}

/// A shop in a storm.
struct Storm {
    shop: TestShop,
    scale: Scale,
    orders: OrderService,
    inventory: InventoryService,
    rng: RefCell<Rng>,
    order_slots: Semaphore,
    inventory_slots: Semaphore,
    /// What has to happen yet to an order, by its id.
    fates: RefCell<HashMap<String, Fate>>,
    /// Orders that were decided before the client had the answer.
    decided: RefCell<BTreeSet<String>>,
    dead_letters: RefCell<Vec<DeadLetter>>,
    /// The bodies of every 201, of those too that the client never saw, by order placed.
    created: RefCell<BTreeMap<usize, BTreeSet<String>>>,
    tasks: RefCell<JoinSet<()>>,
    tally: Tally,
}

impl Storm {
    async fn brew(scale: Scale) -> Rc<Self> {
        let shop = TestShop::empty().await;
        for n in 0..CUSTOMERS {
            let customer = [("CustomerId", text(format!("c{n}")))];
            shop.put(&shop.tables.customers, item(customer)).await;
        }
        for n in 0..PRODUCTS {
            let priced =
                [("ProductId", text(product(n))), ("Name", text("Thing")), ("Price", number("9.99"))];
            shop.put(&shop.tables.products, item(priced)).await;
            shop.set_stock(&product(n), scale.stock()).await;
        }
        Rc::new(Self {
            orders: shop.order_service(),
            inventory: shop.inventory_service(),
            shop,
            scale,
            rng: RefCell::new(Rng::with_seed(scale.seed)),
            order_slots: Semaphore::new(CONCURRENCY),
            inventory_slots: Semaphore::new(CONCURRENCY),
            fates: RefCell::default(),
            decided: RefCell::default(),
            dead_letters: RefCell::default(),
            created: RefCell::default(),
            tasks: RefCell::default(),
            tally: Tally::default(),
        })
    }

    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.tasks.borrow_mut().spawn_local(work);
    }

    fn strikes(&self) -> bool {
        self.rng.borrow_mut().f64() < self.scale.share()
    }

    fn up_to(&self, longest: Duration) -> Duration {
        longest.mul_f64(self.rng.borrow_mut().f64())
    }

    /// Runs an invocation, unless it is cut off.
    async fn unless_cut_off<T>(&self, invocation: impl Future<Output = T>) -> Option<T> {
        if !self.strikes() {
            return Some(invocation.await);
        }
        let done = timeout(self.up_to(CUT_OFF), invocation).await.ok();
        if done.is_none() {
            count(&self.tally.cut_off);
        }
        done
    }

    /// Sends a request until there is an answer, as a client does whose
    /// connection breaks or who is told to come back.
    async fn send(&self, request: &ApiRequest, seen: impl Fn(&ApiResponse)) -> ApiResponse {
        loop {
            count(&self.tally.requests);
            let slot = self.order_slots.acquire().await.unwrap();
            let response = self.unless_cut_off(request.send(&self.orders)).await;
            drop(slot);
            if let Some(response) = response.filter(|response| response.status != 503) {
                seen(&response);
                if !self.strikes() {
                    return response;
                }
                count(&self.tally.lost_replies);
            }
            count(&self.tally.repeated);
            sleep(self.up_to(BEFORE_REPEAT)).await;
        }
    }

    /// A client places the nth order, and sees to it.
    async fn shop_for(self: Rc<Self>, n: usize) {
        let mut rng =
            Rng::with_seed(self.scale.seed ^ u64::try_from(n).unwrap().wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let count = rng.usize(1..4);
        let products = rng.choose_multiple(0..PRODUCTS, count);
        let line = |n| format!(r#"{{"productId":"{}","quantity":{}}}"#, product(n), rng.u32(1..4));
        let items = format!("[{}]", products.into_iter().map(line).collect::<Vec<_>>().join(","));
        let body = format!(r#"{{"customerId":"c{}","items":{items}}}"#, n % CUSTOMERS);
        let request = ApiRequest::post("/order").json(&body).header("Idempotency-Key", &format!("storm-{n}"));
        let response = self
            .send(&request, |response| {
                assert_eq!(response.status, 201, "{response:?}");
                self.created.borrow_mut().entry(n).or_default().insert(response.body.clone());
            })
            .await;
        let id = response.json()["orderId"].as_str().unwrap().to_owned();
        match fate(&mut rng) {
            Fate::CanceledAtOnce => self.change("cancel", &id).await,
            Fate::CanceledByEvent => self.put_on_bus(EventKind::Canceled, &id, &items),
            Fate::DeliveredByEvent => {
                self.put_on_bus(EventKind::Delivered, &id, &items);
                self.put_on_bus(EventKind::Shipped, &id, &items);
            }
            fate if self.decided.borrow().contains(&id) => self.see_to(&id, fate).await,
            fate => drop(self.fates.borrow_mut().insert(id, fate)),
        }
    }

    /// What happens to an order once it is decided.
    async fn see_to(&self, order: &str, fate: Fate) {
        match fate {
            Fate::CanceledLater => self.change("cancel", order).await,
            Fate::Shipped => self.change("ship", order).await,
            Fate::Delivered => {
                self.change("ship", order).await;
                self.change("deliver", order).await;
            }
            _ => {}
        }
    }

    async fn change(&self, action: &str, order: &str) {
        let route = format!("/order/{{orderId}}/{action}");
        let request = ApiRequest::post(&route).path("orderId", order);
        // An order that was rejected or canceled before is refused, rightly.
        self.send(&request, |response| assert!([200, 409].contains(&response.status), "{response:?}")).await;
    }

    /// Another producer sends an event.
    fn put_on_bus(self: &Rc<Self>, kind: EventKind, order: &str, items: &str) {
        let content = match kind {
            EventKind::Canceled => format!(r#","customerId":"c0","items":{items}"#),
            _ => String::new(),
        };
        let detail =
            format!(r#"{{"detailType":"{kind}","orderId":"{order}","orderStatus":"{kind}"{content}}}"#);
        let envelope = invocation::event(kind.as_str(), &detail).payload;
        self.deliver(Delivery { kind, order: order.to_owned(), envelope });
    }

    /// The bus delivers an event, now and then twice.
    fn deliver(self: &Rc<Self>, delivery: Delivery) {
        if self.strikes() {
            count(&self.tally.doubled);
            self.spawn(Rc::clone(self).consume(delivery.clone()));
        }
        self.spawn(Rc::clone(self).consume(delivery));
    }

    /// Lambda hands an event to the function until it succeeds or there is no further try.
    async fn consume(self: Rc<Self>, delivery: Delivery) {
        let mut reason = "";
        for tried in 0..u32::try_from(consumer_max_attempts()).unwrap() {
            if tried > 0 {
                count(&self.tally.retried);
                sleep(BEFORE_RETRY * tried).await;
            }
            count(&self.tally.deliveries);
            let slot = self.inventory_slots.acquire().await.unwrap();
            let invocation = invocation::from_payload(delivery.envelope.clone());
            let outcome = self.unless_cut_off(self.inventory.invoke(invocation)).await;
            drop(slot);
            match outcome {
                Some(Ok(_)) => return self.consumed(&delivery).await,
                Some(Err(failure)) => reason = failure.error_type,
                None => reason = "CutOff",
            }
        }
        count(&self.tally.dead_letters);
        self.dead_letters.borrow_mut().push(DeadLetter { delivery, reason });
    }

    /// Whoever waits for the order to be decided goes on.
    async fn consumed(&self, delivery: &Delivery) {
        if delivery.kind == EventKind::Placed {
            let fate = self.fates.borrow_mut().remove(&delivery.order);
            match fate {
                Some(fate) => self.see_to(&delivery.order, fate).await,
                None => drop(self.decided.borrow_mut().insert(delivery.order.clone())),
            }
        }
    }

    /// Lambda polls the stream until nobody does anything any more.
    async fn relay(self: &Rc<Self>, poller: &mut StreamPoller) {
        let mut failed = 0;
        loop {
            let idle = self.tasks.borrow().is_empty();
            poller.poll().await;
            if idle && poller.pending_records() == 0 {
                return;
            }
            while poller.pending_records() > 0 {
                count(&self.tally.batches);
                if self.unless_cut_off(poller.invoke(&self.orders)).await == Some(true) {
                    failed = 0;
                } else {
                    failed += 1;
                    assert!(failed < stream_max_attempts(), "Lambda would give the batch up");
                    count(&self.tally.batches_again);
                }
                for event in routed_events(&self.shop.bus) {
                    self.deliver(deliverable(&event));
                }
            }
            sleep(BETWEEN_POLLS).await;
            while let Some(ended) = self.tasks.borrow_mut().try_join_next() {
                ended.unwrap();
            }
        }
    }

    /// Puts the dead letters on the bus again, each twice, for as long as it
    /// helps; returns those that can never be applied.
    async fn redrive(self: &Rc<Self>, poller: &mut StreamPoller) -> Vec<DeadLetter> {
        for _ in 0..ROUNDS {
            let dead_letters = self.dead_letters.take().into_iter();
            let (impossible, again): (Vec<_>, Vec<_>) =
                dead_letters.partition(|dead| dead.reason == ILLEGAL_TRANSITION);
            if again.is_empty() {
                return impossible;
            }
            self.dead_letters.replace(impossible);
            // One of each is enough: what fails again comes back twice.
            let mut redriven = HashSet::new();
            for DeadLetter { delivery, .. } in again {
                if redriven.insert((delivery.order.clone(), delivery.kind)) {
                    count(&self.tally.redriven);
                    self.spawn(Rc::clone(self).consume(delivery.clone()));
                    self.spawn(Rc::clone(self).consume(delivery));
                }
            }
            self.relay(poller).await;
        }
        panic!("redriving does not help: {:?}", self.dead_letters.borrow());
    }
}

fn item<const N: usize>(attributes: [(&str, aws_sdk_dynamodb::types::AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn fate(rng: &mut Rng) -> Fate {
    let weights: u32 = FATES.iter().map(|(_, weight)| weight).sum();
    let mut drawn = rng.u32(..weights);
    for (fate, weight) in FATES {
        match drawn.checked_sub(weight) {
            Some(rest) => drawn = rest,
            None => return fate,
        }
    }
    unreachable!("the weights sum up")
}

fn deliverable(event: &PublishedEvent) -> Delivery {
    let kind = event.detail_type().parse().unwrap();
    Delivery {
        kind,
        order: event.detail()["orderId"].as_str().unwrap().to_owned(),
        envelope: event.envelope(),
    }
}

/// Everything that the design promises of any storm.
struct Outcome {
    by_status: BTreeMap<&'static str, usize>,
    called_for: usize,
    published: usize,
    sold: u64,
    on_hand: u64,
    left: usize,
}

impl Storm {
    async fn check(&self, left: &[DeadLetter]) -> Outcome {
        let orders = self.shop.orders().await;
        let mut by_status = BTreeMap::new();
        let mut held: BTreeMap<String, u64> = BTreeMap::new();
        for order in &orders {
            *by_status.entry(order.status.as_str()).or_default() += 1;
            let sold = matches!(order.status, Confirmed | Shipped | Delivered);
            assert_eq!(order.stock_reserved, sold, "{order:?}");
            assert_ne!(order.status, Placed, "{order:?}");
            let outbox = (order.status == Rejected).then_some(EventKind::Rejected);
            assert_eq!(order.event.as_ref().map(|event| event.kind), outbox, "{order:?}");
            for line in order.lines().filter(|_| sold) {
                *held.entry(line.product_id.to_string()).or_default() += u64::from(line.quantity.get());
            }
        }
        let mut on_hand = 0;
        for product in (0..PRODUCTS).map(product) {
            let quantity = self.shop.stock_of(&product).await;
            let sold = held.get(&product).copied().unwrap_or_default();
            assert_eq!(quantity + sold, self.scale.stock(), "stock of {product} is not conserved");
            on_hand += quantity;
        }
        self.check_clients(&orders);
        for dead in left {
            let order = orders.iter().find(|order| order.id.as_str() == dead.delivery.order).unwrap();
            let impossible = match dead.delivery.kind {
                EventKind::Canceled => matches!(order.status, Shipped | Delivered),
                _ => matches!(order.status, Canceled | Rejected),
            };
            assert!(impossible, "{dead:?} of {order:?}");
        }
        let (called_for, published) = self.check_events(&orders).await;
        Outcome { by_status, called_for, published, sold: held.values().sum(), on_hand, left: left.len() }
    }

    /// Each client has one order, whatever it was told and however often it asked.
    fn check_clients(&self, orders: &[Order]) {
        let created = self.created.borrow();
        assert_eq!((created.len(), orders.len()), (self.scale.orders, self.scale.orders));
        let mut ids = BTreeSet::new();
        for (n, bodies) in created.iter() {
            assert_eq!(bodies.len(), 1, "the answers to client {n} differ: {bodies:?}");
            let body: Value = serde_json::from_str(bodies.first().unwrap()).unwrap();
            ids.insert(body["orderId"].as_str().unwrap().to_owned());
        }
        assert_eq!(ids, orders.iter().map(|order| order.id.to_string()).collect());
    }

    /// Every event that an outbox ever held was published, and no other; how
    /// many there were, and how often they were published in all.
    async fn check_events(&self, orders: &[Order]) -> (usize, usize) {
        let records = self.shop.order_stream().await.read().await;
        let outbox = |record: &Value| {
            record["dynamodb"]["NewImage"]["Event"]["M"]["Id"]["S"].as_str().map(str::to_owned)
        };
        let called_for: BTreeSet<String> = records.iter().filter_map(outbox).collect();
        let published = self.shop.bus.published();
        let id = |event: &PublishedEvent| event.detail()["metadata"]["eventId"].as_str().unwrap().to_owned();
        assert_eq!(published.iter().map(id).collect::<BTreeSet<_>>(), called_for);

        let mut told: BTreeMap<String, Vec<EventKind>> = BTreeMap::new();
        for event in &published {
            let event = deliverable(event);
            told.entry(event.order).or_default().push(event.kind);
        }
        for order in orders {
            let was_told = |kind| told[order.id.as_str()].contains(&kind);
            assert!(was_told(EventKind::Placed), "{order:?}");
            assert_eq!(was_told(EventKind::Rejected), order.status == Rejected, "{order:?}");
            assert!(!was_told(EventKind::Canceled) || order.status == Canceled, "{order:?}");
            assert!(
                !was_told(EventKind::Shipped) || matches!(order.status, Shipped | Delivered),
                "{order:?}"
            );
            assert!(!was_told(EventKind::Delivered) || order.status == Delivered, "{order:?}");
        }
        (called_for.len(), published.len())
    }

    /// The figures, as a table in Markdown.
    fn report(&self, outcome: &Outcome, took: Duration, weather: [&FaultInjector; 2]) -> String {
        let Scale { orders, seed, faults } = self.scale;
        let tally = &self.tally;
        let calls = self.shop.proxy.calls_by_operation();
        let [dynamodb, eventbridge] = weather.map(FaultInjector::injected);
        let mut report = Table::default();
        report.row("orders, of 1 to 3 of 20 products", orders);
        for (status, count) in &outcome.by_status {
            report.row(format!("- {status}"), count);
        }
        report.row("pieces in stock at first", self.scale.stock() * 20);
        report.row("- sold", outcome.sold);
        report.row("- on hand", outcome.on_hand);
        report.row("requests of clients", tally.requests.get());
        report.row("- repeated, as the client saw no answer", tally.repeated.get());
        report.row("- answered, but the client never saw it", tally.lost_replies.get());
        report.row("calls of DynamoDB", calls.values().sum::<usize>());
        for (operation, count) in &calls {
            report.row(format!("- {operation}"), count);
        }
        report.row("faults of DynamoDB", dynamodb.values().sum::<usize>());
        for (kind, count) in dynamodb {
            report.row(format!("- {kind}"), count);
        }
        report.row("calls of EventBridge", self.shop.bus.calls().len());
        report.row("faults of EventBridge", eventbridge.values().sum::<usize>());
        for (kind, count) in eventbridge {
            report.row(format!("- {kind}"), count);
        }
        report.row("invocations cut off in the middle", tally.cut_off.get());
        report.row("batches of the stream handed to the relay", tally.batches.get());
        report.row("- of these again, in whole or in part", tally.batches_again.get());
        report.row("events that orders called for", outcome.called_for);
        report.row("- published, duplicates included", outcome.published);
        report.row("- duplicates", outcome.published - outcome.called_for);
        report.row("events handed to the consumer", tally.deliveries.get());
        report.row("- as the bus delivered them twice", tally.doubled.get());
        report.row("- as they had failed before", tally.retried.get());
        report.row("dead letters, those of redriven ones included", tally.dead_letters.get());
        report.row("- redriven", tally.redriven.get());
        report.row("- left, as the order can never make the change", outcome.left);
        let engine =
            if env::var("DYNAMODB_ENDPOINT").is_ok() { "DYNAMODB_ENDPOINT" } else { "embedded engine" };
        format!("\nseed {seed}, faults {faults}%, {engine}, {:.0} s\n\n{}", took.as_secs_f64(), report.0)
    }
}

#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, name: impl Display, figure: impl Display) {
        if self.0.is_empty() {
            self.0.push_str("| what | how many |\n| --- | ---: |\n");
        }
        writeln!(self.0, "| {name} | {figure} |").unwrap();
    }
}

#[test]
fn a_storm_of_faults_loses_nothing_and_doubles_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let storm = async { timeout(PATIENCE, rage(Scale::from_env())).await };
    let report = LocalSet::new().block_on(&runtime, storm).expect("the storm goes in circles");
    println!("{report}");
}

async fn rage(scale: Scale) -> String {
    let began = Instant::now();
    let storm = Storm::brew(scale).await;
    let mut poller = StreamPoller::new(&storm.shop).await;
    let weather = |seed| FaultInjector::new(seed, scale.share());
    storm.shop.proxy.start_faults(weather(scale.seed).with_outage(DYNAMODB_OUTAGE));
    storm.shop.bus.start_faults(weather(scale.seed + 1).with_outage(EVENTBRIDGE_OUTAGE));
    for n in 0..scale.orders {
        storm.spawn(Rc::clone(&storm).shop_for(n));
    }
    storm.relay(&mut poller).await;
    let left = storm.redrive(&mut poller).await;
    let weather = (storm.shop.proxy.stop_faults().unwrap(), storm.shop.bus.stop_faults().unwrap());
    let outcome = storm.check(&left).await;
    storm.report(&outcome, began.elapsed(), [&weather.0, &weather.1])
}
