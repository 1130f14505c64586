//! Random stories of the shop, each command of them checked against a model:
//! events that are lost, late, doubled or out of order, functions that end
//! between any two of their calls, invocations at the same time or amid another.
//!
//! What a command does is not always for the model to say: an invocation that
//! is cut off has done its work or not, and of several at the same time any may
//! have come first. So the model keeps every way in which things may stand, and
//! what is seen next tells which of them are left; there must be one. That is
//! why this is not built on proptest-state-machine, whose reference model
//! decides on each command before the real thing runs.
//!
//! `PROPTEST_CASES=1000 cargo test -p tests --test integration story` tells more
//! stories. One that fails is made as short as it gets, and its seed is added
//! to tests/proptest-regressions/state_machine.txt, to be tried first from then on:
//! commit it. Seeds lose their meaning when the commands below change.

mod model;

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::pin;

use domain::{Change, EventKind, Order, OrderStatus};
use inventory_service::{ILLEGAL_TRANSITION, InventoryService, TOO_EARLY};
use lambda_support::Failure;
use order_service::OrderService;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::Value;
use serde_json::value::RawValue;
use test_support::{
    ApiRequest, ApiResponse, BusBehavior, Gate, PublishedEvent, StreamPoller, TestShop, concurrently,
    invocation, routed_events,
};

use crate::stock_conservation::{PRODUCTS, event, small_shop};
use model::{Answer, Deed, Heard, Kept, Model, Pieces, Seen};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

/// Told where `PROPTEST_CASES` does not say how many.
const CASES: u32 = 24;

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/state_machine.txt");

/// What the events of other producers claim that their orders hold.
const CLAIMED: Pieces = [2, 1];

/// Stands for the id of an order that was not made.
const NONE: &str = "none";

/// Something that happens to the shop. Numbers choose from what there is, by remainder.
#[derive(Debug, Clone)]
enum Command {
    /// A function is invoked.
    Invoke(Act),
    /// Functions are invoked at the same time.
    AtOnce(Vec<Act>),
    /// The second function is invoked while the first is in the middle; for the
    /// same thing, perhaps.
    Amid(Act, InterruptionPoint, Act),
    /// An invocation ends in the middle.
    CutOff(Act, InterruptionPoint),
    /// The stream is relayed.
    Relay,
    /// The relay ends in the middle.
    RelayCutOff { answered: bool },
    /// Another producer sends an event, of one of the orders or of one unknown here.
    Foreign(EventKind, usize),
    /// A waiting event is set aside.
    Drop(usize),
    /// What was set aside waits again.
    Redrive,
    /// The functions start anew.
    Restart,
}

/// What a function is invoked for.
#[derive(Debug, Clone)]
enum Act {
    /// A client places an order, or tries again with the same key, or uses the key for another.
    Place { key: Option<u8>, pieces: Pieces },
    /// A client asks for a change of one of the orders.
    Change(Change, usize),
    /// The bus delivers one of the events that wait, and perhaps keeps it for another time.
    Deliver { waiting: usize, again: bool },
}

/// Where an invocation is in the middle: at one of its calls, counted from 1,
/// once that has taken effect or before.
#[derive(Debug, Clone)]
struct InterruptionPoint {
    call: usize,
    taken: bool,
}

fn act() -> impl Strategy<Value = Act> {
    let pieces = (1_u64..4, 0_u64..3).prop_map(|(one, two)| [one, two]);
    let change = prop_oneof![2 => Just(Change::Cancel), 2 => Just(Change::Ship), 1 => Just(Change::Deliver)];
    prop_oneof![
        2 => (prop::option::of(0_u8..2), pieces).prop_map(|(key, pieces)| Act::Place { key, pieces }),
        3 => (change, any::<usize>()).prop_map(|(change, order)| Act::Change(change, order)),
        5 => (any::<usize>(), any::<bool>()).prop_map(|(waiting, again)| Act::Deliver { waiting, again }),
    ]
}

fn cut() -> impl Strategy<Value = InterruptionPoint> {
    (1_usize..5, any::<bool>()).prop_map(|(call, taken)| InterruptionPoint { call, taken })
}

fn command() -> impl Strategy<Value = Command> {
    let kind = prop::sample::select(&[
        EventKind::Placed,
        EventKind::Shipped,
        EventKind::Delivered,
        EventKind::Canceled,
    ]);
    prop_oneof![
        10 => act().prop_map(Command::Invoke),
        2 => prop::collection::vec(act(), 2..5).prop_map(Command::AtOnce),
        2 => (act(), cut(), act()).prop_map(|(first, cut, second)| Command::Amid(first, cut, second)),
        2 => (act(), cut()).prop_map(|(act, cut)| Command::Amid(act.clone(), cut, act)),
        4 => (act(), cut()).prop_map(|(act, cut)| Command::CutOff(act, cut)),
        4 => Just(Command::Relay),
        1 => any::<bool>().prop_map(|answered| Command::RelayCutOff { answered }),
        2 => (kind, any::<usize>()).prop_map(|(kind, order)| Command::Foreign(kind, order)),
        1 => any::<usize>().prop_map(Command::Drop),
        1 => Just(Command::Redrive),
        1 => Just(Command::Restart),
    ]
}

/// An event on its way to InventoryServiceFunction.
#[derive(Debug, Clone)]
struct Delivery {
    heard: Heard,
    envelope: Box<RawValue>,
}

impl Delivery {
    fn published(event: &PublishedEvent) -> Self {
        let kind = event.detail_type().parse().unwrap();
        let detail = event.detail();
        let order = detail["orderId"].as_str().unwrap().to_owned();
        let heard = Heard { kind, order, pieces: pieces_of_detail(&detail), own: true };
        Self { heard, envelope: event.envelope() }
    }

    fn foreign(kind: EventKind, order: &str) -> Self {
        let heard = Heard { kind, order: order.to_owned(), pieces: CLAIMED, own: false };
        Self { heard, envelope: event(kind, order).payload }
    }
}

fn pieces_of_detail(detail: &Value) -> Pieces {
    let items = detail["items"].as_array().map_or([].as_slice(), Vec::as_slice);
    PRODUCTS.map(|(product, _)| {
        let line = items.iter().find(|line| line["productId"] == product);
        line.map_or(0, |line| line["quantity"].as_u64().unwrap())
    })
}

/// A shop in which things happen, and every way in which they may stand.
struct Story {
    shop: TestShop,
    order_service: OrderService,
    inventory_service: InventoryService,
    poller: StreamPoller,
    waiting: Vec<Delivery>,
    set_aside: Vec<Delivery>,
    /// How many events of the bus were looked at.
    received: usize,
    possible: Vec<Model>,
    /// The orders that commands may be about.
    orders: Vec<String>,
    /// What was ever asked for each order, by clients and by other producers.
    asked: BTreeMap<String, HashSet<EventKind>>,
    /// The events of each order that other producers sent.
    foreign: BTreeMap<String, HashSet<EventKind>>,
}

impl Story {
    async fn begin() -> Self {
        let shop = small_shop().await;
        // The seed's order was never published, so nobody will ever process it.
        let request = shop.direct_client().delete_item().table_name(&shop.tables.orders);
        request.key("OrderId", tables::text("001")).send().await.unwrap();
        Self {
            order_service: shop.order_service(),
            inventory_service: shop.inventory_service(),
            poller: StreamPoller::new(&shop).await,
            shop,
            waiting: Vec::new(),
            set_aside: Vec::new(),
            received: 0,
            possible: vec![Model::new(PRODUCTS.map(|(_, quantity)| quantity))],
            orders: vec!["foreign-1".to_owned(), "foreign-2".to_owned()],
            asked: BTreeMap::new(),
            foreign: BTreeMap::new(),
        }
    }

    async fn happens(&mut self, command: &Command) {
        match command {
            Command::Invoke(act) => self.invoke(std::slice::from_ref(act), None).await,
            Command::AtOnce(acts) => self.invoke(acts, None).await,
            Command::Amid(first, cut, second) => {
                self.invoke(&[first.clone(), second.clone()], Some(cut)).await;
            }
            Command::CutOff(act, cut) => self.cut_off(act, cut).await,
            Command::Relay => self.relay().await,
            Command::RelayCutOff { answered } => self.relay_cut_off(*answered).await,
            Command::Foreign(kind, order) => {
                let order = self.order(*order).to_owned();
                self.waiting.push(Delivery::foreign(*kind, &order));
                self.asked.entry(order.clone()).or_default().insert(*kind);
                self.foreign.entry(order).or_default().insert(*kind);
            }
            Command::Drop(_) if self.waiting.is_empty() => {}
            Command::Drop(n) => self.set_aside.push(self.waiting.swap_remove(n % self.waiting.len())),
            Command::Redrive => self.waiting.append(&mut self.set_aside),
            Command::Restart => {
                self.order_service = self.shop.order_service();
                self.inventory_service = self.shop.inventory_service();
            }
        }
    }

    fn order(&self, n: usize) -> &str {
        &self.orders[n % self.orders.len()]
    }

    /// Invokes functions at the same time, or the second while the first is in the middle.
    async fn invoke(&mut self, acts: &[Act], amid: Option<&InterruptionPoint>) {
        let acts: Vec<_> = acts.iter().filter(|act| self.can_be(act)).collect();
        let answers = match (acts.as_slice(), amid) {
            ([first, second], Some(cut)) => self.perform_amid(first, cut, second).await,
            _ => concurrently(acts.iter().map(|act| self.perform(act))).await,
        };
        let deeds: Vec<_> =
            acts.iter().zip(&answers).map(|(act, answer)| self.deed(act, created(answer))).collect();
        self.settle(&deeds, &answers).await;
        deeds.iter().for_each(|deed| self.note(deed));
        let done = |n: usize| {
            acts.iter().zip(&answers).any(|(act, answer)| match act {
                Act::Deliver { waiting, again: false } => {
                    waiting % self.waiting.len() == n && *answer == Answer::Applied
                }
                _ => false,
            })
        };
        let left = (0..self.waiting.len()).filter(|n| !done(*n)).map(|n| self.waiting[n].clone()).collect();
        self.waiting = left;
    }

    /// Invokes a function and ends it in the middle, if it gets there.
    async fn cut_off(&mut self, act: &Act, cut: &InterruptionPoint) {
        if !self.can_be(act) {
            return;
        }
        let gate = self.gate_at(cut);
        let answer = until(&gate, self.perform(act)).await;
        self.shop.proxy.reset();
        let deed = match &answer {
            Some(answer) => self.deed(act, created(answer)),
            None => self.deed(act, self.newcomer().await.as_deref()),
        };
        match answer {
            Some(answer) => self.settle(std::slice::from_ref(&deed), &[answer]).await,
            None => self.settle_cut_off(&deed).await,
        }
        self.note(&deed);
    }

    fn gate_at(&self, cut: &InterruptionPoint) -> Gate {
        let rule = self.shop.proxy.on_any_call().nth(cut.call);
        if cut.taken { rule.hold_response() } else { rule.hold_request() }
    }

    async fn perform_amid(&self, first: &Act, cut: &InterruptionPoint, second: &Act) -> Vec<Answer> {
        let gate = self.gate_at(cut);
        let mut invocation = pin!(self.perform(first));
        let early = until(&gate, &mut invocation).await;
        self.shop.proxy.reset();
        let second = self.perform(second).await;
        gate.open();
        let first = match early {
            Some(answer) => answer,
            None => invocation.await,
        };
        vec![first, second]
    }

    /// Whether there is what the act is about.
    fn can_be(&self, act: &Act) -> bool {
        !matches!(act, Act::Deliver { .. }) || !self.waiting.is_empty()
    }

    async fn perform(&self, act: &Act) -> Answer {
        match act {
            Act::Place { key, pieces } => self.place(*key, *pieces).await,
            Act::Change(change, order) => self.change(*change, self.order(*order)).await,
            Act::Deliver { waiting, .. } => self.deliver(*waiting).await,
        }
    }

    async fn place(&self, key: Option<u8>, pieces: Pieces) -> Answer {
        let lines = PRODUCTS.iter().zip(pieces).filter(|(_, pieces)| *pieces > 0);
        let lines: Vec<_> = lines
            .map(|((product, _), pieces)| format!(r#"{{"productId":"{product}","quantity":{pieces}}}"#))
            .collect();
        let body = format!(r#"{{"customerId":"001","items":[{}]}}"#, lines.join(","));
        let request = ApiRequest::post("/order").json(body);
        let request = match key {
            Some(key) => request.header("Idempotency-Key", &format!("key-{key}")),
            None => request,
        };
        let response = request.send(&self.order_service).await;
        match response.status {
            201 => {
                assert_eq!(pieces_of_detail(&response.json()), pieces, "{response:?}");
                Answer::Created(response.json()["orderId"].as_str().unwrap().to_owned())
            }
            422 => Answer::KeyReused,
            _ => panic!("{response:?}"),
        }
    }

    async fn change(&self, change: Change, order: &str) -> Answer {
        let (action, _) = route(change);
        let request = ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", order);
        let response: ApiResponse = request.send(&self.order_service).await;
        match response.status {
            200 => Answer::Changed,
            404 => Answer::NoOrder,
            409 => Answer::Refused,
            _ => panic!("{response:?}"),
        }
    }

    async fn deliver(&self, n: usize) -> Answer {
        let invocation = invocation::from_payload(self.waiting[n % self.waiting.len()].envelope.clone());
        match self.inventory_service.handle(invocation).await {
            Ok(_) => Answer::Applied,
            Err(Failure { error_type: TOO_EARLY, .. }) => Answer::TooEarly,
            Err(Failure { error_type: ILLEGAL_TRANSITION, .. }) => Answer::Illegal,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// The act as the model takes it, with the id that the function chose, if that is known.
    fn deed(&self, act: &Act, id: Option<&str>) -> Deed {
        match act {
            Act::Place { key, pieces } => {
                Deed::Place { key: *key, pieces: *pieces, id: id.unwrap_or(NONE).to_owned() }
            }
            Act::Change(change, order) => Deed::Change(*change, self.order(*order).to_owned()),
            Act::Deliver { waiting, .. } => {
                Deed::Hear(self.waiting[waiting % self.waiting.len()].heard.clone())
            }
        }
    }

    /// Takes down what was asked, for the end of the story.
    fn note(&mut self, deed: &Deed) {
        let (order, kind) = match deed {
            Deed::Place { id, .. } if id == NONE => return,
            Deed::Place { id, .. } => (id, EventKind::Placed),
            Deed::Change(change, order) => (order, route(*change).1),
            Deed::Hear(_) => return,
        };
        if !self.orders.contains(order) {
            self.orders.push(order.clone());
        }
        self.asked.entry(order.clone()).or_default().insert(kind);
    }

    /// Leaves those ways in which things may stand that lead to what is seen,
    /// by these deeds in any order.
    async fn settle(&mut self, deeds: &[Deed], answers: &[Answer]) {
        let seen = self.look().await;
        let led = |model: &Model| outcomes(model, deeds, answers);
        let possible: Vec<Model> = self.possible.iter().flat_map(led).collect();
        self.leave(possible, &seen, &format!("{deeds:?} answered {answers:?}"));
    }

    /// The same, for a deed that was done or not.
    async fn settle_cut_off(&mut self, deed: &Deed) {
        let seen = self.look().await;
        let led = |model: &Model| [model.clone(), model.clone().after(deed).0];
        let possible: Vec<Model> = self.possible.iter().flat_map(led).collect();
        self.leave(possible, &seen, &format!("{deed:?} in part"));
    }

    fn leave(&mut self, possible: Vec<Model>, seen: &Seen, deeds: &str) {
        let mut left: Vec<Model> = Vec::new();
        for model in &possible {
            if model.seen == *seen && !left.contains(model) {
                left.push(model.clone());
            }
        }
        assert!(!left.is_empty(), "{deeds}:\nseen {seen:#?}\ninstead of one of {possible:#?}");
        self.possible = left;
    }

    /// What the tables show; the invariants hold at every look.
    async fn look(&self) -> Seen {
        let stock = [self.shop.stock_of(PRODUCTS[0].0).await, self.shop.stock_of(PRODUCTS[1].0).await];
        let orders = self.shop.orders().await;
        let orders = orders.iter().map(|order| (order.id.to_string(), kept(order))).collect();
        let seen = Seen { stock, orders };
        for (n, (product, initial)) in PRODUCTS.into_iter().enumerate() {
            let held = seen.orders.values().filter(|order| order.reserved).map(|order| order.pieces[n]);
            assert_eq!(stock[n] + held.sum::<u64>(), initial, "product {product} of {seen:#?}");
        }
        seen
    }

    /// An order that nobody knows of yet.
    async fn newcomer(&self) -> Option<String> {
        let ids = self.shop.orders().await.into_iter().map(|order| order.id.to_string());
        let mut new = ids.filter(|id| !self.orders.contains(id));
        let newcomer = new.next();
        assert_eq!(new.next(), None, "one invocation makes one order");
        newcomer
    }

    /// Relays all that is new in the stream.
    async fn relay(&mut self) {
        self.poller.poll().await;
        while self.poller.pending_records() > 0 {
            assert!(self.poller.invoke(&self.order_service).await, "nothing keeps the relay from publishing");
        }
        let published = self.receive();
        self.possible.retain(|model| sorted(&model.unpublished) == published);
        assert!(!self.possible.is_empty(), "published {published:?}, which is not what was called for");
        self.possible.iter_mut().for_each(|model| model.unpublished.clear());
    }

    /// Relays, but ends before Lambda hears of it, with the events published or not.
    async fn relay_cut_off(&mut self, answered: bool) {
        self.poller.poll().await;
        if self.poller.pending_records() == 0 {
            return;
        }
        let gate = Gate::default();
        let hold = if answered { BusBehavior::HoldResponse } else { BusBehavior::HoldRequest };
        self.shop.bus.script([hold(gate.clone())]);
        let done = until(&gate, self.poller.invoke(&self.order_service)).await;
        assert_eq!(done, None, "there is something to publish");
        let published = self.receive();
        assert_eq!(!published.is_empty(), answered, "{published:?}");
        let called_for = |model: &Model| published.iter().all(|event| model.unpublished.contains(event));
        self.possible.retain(called_for);
        assert!(!self.possible.is_empty(), "published {published:?}, which is not what was called for");
    }

    /// Takes the events off the bus; tells which there were.
    fn receive(&mut self) -> Vec<(String, EventKind)> {
        let all: Vec<_> = self.shop.bus.published().split_off(self.received);
        self.received += all.len();
        self.waiting.extend(routed_events(&self.shop.bus).map(|event| Delivery::published(&event)));
        sorted(
            &all.iter()
                .map(|event| Delivery::published(event).heard)
                .map(|heard| (heard.order, heard.kind))
                .collect::<Vec<_>>(),
        )
    }

    /// Delivers everything, as often as it helps.
    async fn ends(&mut self) {
        self.relay().await;
        self.waiting.append(&mut self.set_aside);
        loop {
            let before = self.waiting.len();
            for n in (0..before).rev() {
                self.invoke(&[Act::Deliver { waiting: n, again: false }], None).await;
            }
            // Rejections made on the way call for events of their own.
            self.relay().await;
            if self.waiting.len() == before {
                return;
            }
        }
    }
}

/// Runs an invocation until it is done, or until a call of it stands at the gate: none then.
async fn until<T>(gate: &Gate, invocation: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        outcome = invocation => Some(outcome),
        () = gate.reached() => None,
    }
}

fn created(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Created(id) => Some(id),
        _ => None,
    }
}

const fn route(change: Change) -> (&'static str, EventKind) {
    match change {
        Change::Cancel => ("cancel", EventKind::Canceled),
        Change::Ship => ("ship", EventKind::Shipped),
        Change::Deliver => ("deliver", EventKind::Delivered),
        Change::Confirm | Change::Reject => panic!("the API has no route for it"),
    }
}

fn sorted(events: &[(String, EventKind)]) -> Vec<(String, EventKind)> {
    let mut events = events.to_vec();
    events.sort_by_key(|(order, kind)| (order.clone(), kind.as_str()));
    events
}

/// Where these deeds, in any order, lead with these answers.
fn outcomes(model: &Model, deeds: &[Deed], answers: &[Answer]) -> Vec<Model> {
    if deeds.is_empty() {
        return vec![model.clone()];
    }
    let first = |n: usize| {
        let (next, answer) = model.clone().after(&deeds[n]);
        let without = |of: &[_]| [&of[..n], &of[n + 1..]].concat();
        let (deeds, rest) = (without(deeds), [&answers[..n], &answers[n + 1..]].concat());
        if answer == answers[n] { outcomes(&next, &deeds, &rest) } else { Vec::new() }
    };
    (0..deeds.len()).flat_map(first).collect()
}

fn kept(order: &Order) -> Kept {
    let pieces = PRODUCTS.map(|(product, _)| {
        let line = order.lines().find(|line| line.product_id.as_str() == product);
        line.map_or(0, |line| u64::from(line.quantity.get()))
    });
    let available = PRODUCTS.map(|(product, _)| {
        let shortage = order.shortages.iter().find(|shortage| shortage.product_id.as_str() == product);
        shortage.map(|shortage| shortage.available)
    });
    let outbox = order.event.as_ref().map(|event| event.kind);
    Kept { status: order.status, pieces, reserved: order.stock_reserved, outbox, available }
}

/// What must hold of an order at the end, by what was asked for it and, without
/// any model, by what each change needs.
fn assert_earned(id: &str, order: &Kept, asked: &HashSet<EventKind>, heard: &HashSet<EventKind>) {
    let was = |kind| asked.contains(&kind);
    let earned = match order.status {
        Placed => false,
        Confirmed => was(EventKind::Placed) && !heard.contains(&EventKind::Canceled),
        Rejected => was(EventKind::Placed),
        Canceled => was(EventKind::Canceled),
        Shipped => {
            was(EventKind::Placed) && was(EventKind::Shipped) && !heard.contains(&EventKind::Delivered)
        }
        Delivered => [EventKind::Placed, EventKind::Shipped, EventKind::Delivered].into_iter().all(was),
    };
    assert!(earned, "{id} is {order:?} after {asked:?}, of which {heard:?} came as events of others");
    let unshipped = order.status == Confirmed && heard.contains(&EventKind::Shipped);
    assert!(!unshipped, "{id} is {order:?} although it was shipped");
    assert_eq!(order.reserved, matches!(order.status, Confirmed | Shipped | Delivered), "{id} is {order:?}");
    let outbox = (order.status == Rejected).then_some(EventKind::Rejected);
    assert_eq!(order.outbox, outbox, "{id} is {order:?}");
}

async fn tell(commands: &[Command]) {
    let mut story = Story::begin().await;
    for command in commands {
        story.happens(command).await;
    }
    story.ends().await;
    let seen = story.look().await;
    for (id, order) in &seen.orders {
        let none = HashSet::new();
        let of = |events: &BTreeMap<String, HashSet<EventKind>>| events.get(id).unwrap_or(&none).clone();
        assert_earned(id, order, &of(&story.asked), &of(&story.foreign));
    }
}

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    let regressions = Box::new(FileFailurePersistence::Direct(REGRESSIONS));
    ProptestConfig { cases, failure_persistence: Some(regressions), ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_in_whatever_order_the_shop_does_as_the_model_does(
        commands in prop::collection::vec(command(), 1..50)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tell(&commands));
    }
}
