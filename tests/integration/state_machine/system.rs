//! The system under test, with every state that it may have.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;

use domain::EventKind;
use inventory_service::InventoryService;
use order_service::OrderService;
use test_support::{BusBehavior, Gate, StreamPoller, TestShop, concurrently, take_routed_events};

use super::command::{Action, Command, InterruptionPoint};
use super::inbound_event::InboundEvent;
use super::invoke::{event_kind_of, until_interrupted};
use super::model::{Model, Observed, Operation, OperationResult};
use super::observe::{adjustments_since_start, ledger_entries, order_state, quantity_of};
use crate::stock_conservation::{PRODUCTS, small_shop};

/// A placeholder for the id of an order that was not created.
const NO_ID: &str = "none";

/// A shop, and every state of the model that matches what was observed of it.
pub(super) struct SystemUnderTest {
    pub(super) shop: TestShop,
    pub(super) order_service: OrderService,
    pub(super) inventory_service: InventoryService,
    poller: StreamPoller,
    pub(super) pending: Vec<InboundEvent>,
    set_aside: Vec<InboundEvent>,
    /// The number of published events that were received.
    received: usize,
    possible_models: Vec<Model>,
    /// The orders that commands can select.
    orders: Vec<String>,
    /// The events that clients and other producers have caused for each order.
    pub(super) requested_events: BTreeMap<String, HashSet<EventKind>>,
    /// The events that other producers have sent for each order.
    pub(super) external_events: BTreeMap<String, HashSet<EventKind>>,
}

impl SystemUnderTest {
    pub(super) async fn start() -> Self {
        let shop = small_shop().await;
        // The seeded order has no event, so it would stay placed.
        let request = shop.direct_client().delete_item().table_name(&shop.tables.orders);
        request.key("OrderId", dynamodb::text("001")).send().await.unwrap();
        Self {
            order_service: shop.order_service(),
            inventory_service: shop.inventory_service(),
            poller: StreamPoller::new(&shop).await,
            shop,
            pending: Vec::new(),
            set_aside: Vec::new(),
            received: 0,
            possible_models: vec![Model::new(PRODUCTS.map(|(_, quantity)| quantity))],
            orders: vec!["external-1".to_owned(), "external-2".to_owned()],
            requested_events: BTreeMap::new(),
            external_events: BTreeMap::new(),
        }
    }

    pub(super) async fn execute(&mut self, command: &Command) {
        match command {
            Command::Invoke(action) => self.invoke(std::slice::from_ref(action), None).await,
            Command::InvokeConcurrently(actions) => self.invoke(actions, None).await,
            Command::Interleaved(first, point, second) => {
                self.invoke(&[first.clone(), second.clone()], Some(point)).await;
            }
            Command::Abort(action, point) => self.abort(action, point).await,
            Command::Relay => self.relay().await,
            Command::AbortRelay { published } => self.abort_relay(*published).await,
            Command::SendExternalEvent(kind, order) => {
                let order = self.order(*order).to_owned();
                self.pending.push(InboundEvent::external(*kind, &order));
                self.requested_events.entry(order.clone()).or_default().insert(*kind);
                self.external_events.entry(order).or_default().insert(*kind);
            }
            Command::SetAside(_) if self.pending.is_empty() => {}
            Command::SetAside(n) => self.set_aside.push(self.pending.swap_remove(n % self.pending.len())),
            Command::Redrive => self.pending.append(&mut self.set_aside),
            Command::Restart => {
                self.order_service = self.shop.order_service();
                self.inventory_service = self.shop.inventory_service();
            }
        }
    }

    pub(super) fn order(&self, n: usize) -> &str {
        &self.orders[n % self.orders.len()]
    }

    /// Invokes functions concurrently, or the second one while the first one is interrupted.
    async fn invoke(&mut self, actions: &[Action], interruption: Option<&InterruptionPoint>) {
        let actions: Vec<_> = actions.iter().filter(|action| self.can_perform(action)).collect();
        let results = match (actions.as_slice(), interruption) {
            ([first, second], Some(point)) => self.perform_interleaved(first, point, second).await,
            _ => concurrently(actions.iter().map(|action| self.perform(action))).await,
        };
        let operations: Vec<_> = actions
            .iter()
            .zip(&results)
            .map(|(action, result)| self.operation(action, created_id(result)))
            .collect();
        self.check(&operations, &results).await;
        operations.iter().for_each(|operation| self.record_request(operation));
        self.remove_applied_events(&actions, &results);
    }

    /// Removes the pending events that were applied and are not delivered again.
    fn remove_applied_events(&mut self, actions: &[&Action], results: &[OperationResult]) {
        let mut applied = HashSet::new();
        for (action, result) in actions.iter().zip(results) {
            if let (Action::Deliver { event, again: false, .. }, OperationResult::Applied) = (action, result)
            {
                applied.insert(event % self.pending.len());
            }
        }
        let mut index = 0..;
        self.pending.retain(|_| !applied.contains(&index.next().unwrap()));
    }

    /// Invokes a function, and stops it at the interruption point if it gets there.
    async fn abort(&mut self, action: &Action, point: &InterruptionPoint) {
        if !self.can_perform(action) {
            return;
        }
        let gate = self.gate_at(point);
        let result = until_interrupted(&gate, self.perform(action)).await;
        self.shop.proxy.reset();
        let operation = match &result {
            Some(result) => self.operation(action, created_id(result)),
            None => self.operation(action, self.new_order().await.as_deref()),
        };
        match result {
            Some(result) => self.check(std::slice::from_ref(&operation), &[result]).await,
            None => self.check_aborted(&operation).await,
        }
        self.record_request(&operation);
    }

    fn gate_at(&self, point: &InterruptionPoint) -> Gate {
        let rule = self.shop.proxy.on_any_call().nth(point.call);
        if point.takes_effect { rule.hold_response() } else { rule.hold_request() }
    }

    async fn perform_interleaved(
        &self,
        first: &Action,
        point: &InterruptionPoint,
        second: &Action,
    ) -> Vec<OperationResult> {
        let gate = self.gate_at(point);
        let mut invocation = pin!(self.perform(first));
        let early = until_interrupted(&gate, &mut invocation).await;
        self.shop.proxy.reset();
        let second = self.perform(second).await;
        gate.open();
        let first = match early {
            Some(result) => result,
            None => invocation.await,
        };
        vec![first, second]
    }

    /// Returns true unless the action needs an event and none is pending.
    fn can_perform(&self, action: &Action) -> bool {
        !matches!(action, Action::Deliver { .. }) || !self.pending.is_empty()
    }

    /// Converts an action to an operation of the model. `id` is the order's id, if it is known.
    fn operation(&self, action: &Action, id: Option<&str>) -> Operation {
        match action {
            Action::Place { key, quantities } => {
                let id = id.unwrap_or(NO_ID).to_owned();
                Operation::Place { key: *key, quantities: *quantities, id }
            }
            Action::ChangeStatus(change, order) => {
                Operation::ChangeStatus(*change, self.order(*order).to_owned())
            }
            Action::Deliver { event, .. } => {
                Operation::Consume(self.pending[event % self.pending.len()].event.clone())
            }
            Action::Adjust(adjustment) => Operation::Adjust(*adjustment),
        }
    }

    /// Records which event an operation requests, for the checks at the end.
    fn record_request(&mut self, operation: &Operation) {
        let (order, kind) = match operation {
            Operation::Place { id, .. } if id == NO_ID => return,
            Operation::Place { id, .. } => (id, EventKind::Placed),
            Operation::ChangeStatus(change, order) => (order, event_kind_of(*change)),
            Operation::Consume(_) | Operation::Adjust(_) => return,
        };
        if !self.orders.contains(order) {
            self.orders.push(order.clone());
        }
        self.requested_events.entry(order.clone()).or_default().insert(kind);
    }

    /// Keeps the states that lead to the observed one, by these operations in any order.
    async fn check(&mut self, operations: &[Operation], results: &[OperationResult]) {
        let observed = self.observe().await;
        let possible =
            self.possible_models.iter().flat_map(|model| states_after(model, operations, results)).collect();
        self.keep_matching(possible, &observed, &format!("{operations:?} returned {results:?}"));
    }

    /// Keeps the states that lead to the observed one, with and without the aborted operation.
    async fn check_aborted(&mut self, operation: &Operation) {
        let observed = self.observe().await;
        let mut possible = self.possible_models.clone();
        possible.extend(self.possible_models.iter().map(|model| model.clone().apply(operation).0));
        self.keep_matching(possible, &observed, &format!("{operation:?} was aborted"));
    }

    /// Keeps the possible states that match the observed one. Panics if none does.
    fn keep_matching(&mut self, possible: Vec<Model>, observed: &Observed, cause: &str) {
        let mut matching: Vec<Model> = Vec::new();
        for model in &possible {
            if model.observed == *observed && !matching.contains(model) {
                matching.push(model.clone());
            }
        }
        assert!(!matching.is_empty(), "{cause}:\nobserved {observed:#?}\nexpected one of {possible:#?}");
        self.possible_models = matching;
    }

    /// Returns the content of the tables, and asserts that the ledger explains every unit.
    pub(super) async fn observe(&self) -> Observed {
        let snapshot = self.shop.snapshot().await;
        let stock = PRODUCTS.map(|(product, _)| quantity_of(&snapshot.inventory[product]));
        let orders = snapshot.orders.iter().map(|(id, item)| (id.clone(), order_state(item))).collect();
        let entries = ledger_entries(&snapshot.inventory);
        let observed = Observed { stock, orders, ledger: adjustments_since_start(&entries) };
        for (n, (product, _)) in PRODUCTS.into_iter().enumerate() {
            let orders = observed.orders.values();
            let reserved =
                orders.filter(|order| order.reserved).map(|order| order.quantities[n]).sum::<u64>();
            let recorded: i64 = entries
                .iter()
                .filter(|entry| entry.product_id.as_str() == product)
                .map(|entry| i64::from(entry.delta.get()))
                .sum();
            assert_eq!(
                stock[n] + reserved,
                u64::try_from(recorded).unwrap(),
                "product {product} of {observed:#?}"
            );
        }
        observed
    }

    /// Returns the id of the order that is not known yet, if there is one.
    async fn new_order(&self) -> Option<String> {
        let ids = self.shop.orders().await.into_iter().map(|order| order.id.to_string());
        let mut new = ids.filter(|id| !self.orders.contains(id));
        let new_order = new.next();
        assert_eq!(new.next(), None, "one invocation creates one order");
        new_order
    }

    /// Relays all new records of the stream.
    async fn relay(&mut self) {
        self.poller.poll().await;
        while self.poller.pending_records() > 0 {
            assert!(self.poller.invoke(&self.order_service).await, "the relay must succeed");
        }
        let published = self.receive();
        self.possible_models.retain(|model| sorted(&model.unpublished) == published);
        assert!(!self.possible_models.is_empty(), "published {published:?}, which differs from the outboxes");
        self.possible_models.iter_mut().for_each(|model| model.unpublished.clear());
    }

    /// Relays, and stops the function before or after its events are published.
    async fn abort_relay(&mut self, publishes: bool) {
        self.poller.poll().await;
        if self.poller.pending_records() == 0 {
            return;
        }
        // The removal of a stale event is a record of an order whose last event is published already.
        if self.possible_models.iter().all(|model| model.unpublished.is_empty()) {
            return self.relay().await;
        }
        let gate = Gate::default();
        let hold = if publishes { BusBehavior::HoldResponse } else { BusBehavior::HoldRequest };
        self.shop.bus.script([hold(gate.clone())]);
        let result = until_interrupted(&gate, self.poller.invoke(&self.order_service)).await;
        assert_eq!(result, None, "the relay has an event to publish");
        let published = self.receive();
        assert_eq!(!published.is_empty(), publishes, "{published:?}");
        self.possible_models.retain(|model| published.iter().all(|event| model.unpublished.contains(event)));
        assert!(!self.possible_models.is_empty(), "published {published:?}, which differs from the outboxes");
    }

    /// Receives the published events, and returns them sorted.
    fn receive(&mut self) -> Vec<(String, EventKind)> {
        let all: Vec<_> = self.shop.bus.published().split_off(self.received);
        self.received += all.len();
        self.pending.extend(take_routed_events(&self.shop.bus).map(|event| InboundEvent::published(&event)));
        let events = all.iter().map(|event| InboundEvent::published(event).event);
        sorted(&events.map(|event| (event.order, event.kind)).collect::<Vec<_>>())
    }

    /// Delivers all events until no delivery succeeds any more.
    pub(super) async fn finish(&mut self) {
        self.relay().await;
        self.pending.append(&mut self.set_aside);
        loop {
            let before = self.pending.len();
            for n in (0..before).rev() {
                self.invoke(&[Action::Deliver { event: n, by_queue: false, again: false }], None).await;
            }
            // Orders that were confirmed or rejected meanwhile have new events.
            self.relay().await;
            if self.pending.len() == before {
                return;
            }
        }
    }
}

fn created_id(result: &OperationResult) -> Option<&str> {
    match result {
        OperationResult::Created(id) => Some(id),
        _ => None,
    }
}

fn sorted(events: &[(String, EventKind)]) -> Vec<(String, EventKind)> {
    let mut events = events.to_vec();
    events.sort_by_key(|(order, kind)| (order.clone(), kind.as_str()));
    events
}

/// Returns the states after these operations, in any order that has these results.
fn states_after(model: &Model, operations: &[Operation], results: &[OperationResult]) -> Vec<Model> {
    if operations.is_empty() {
        return vec![model.clone()];
    }
    let mut states = Vec::new();
    for (n, operation) in operations.iter().enumerate() {
        let (next, result) = model.clone().apply(operation);
        if result == results[n] {
            let other_operations = [&operations[..n], &operations[n + 1..]].concat();
            let other_results = [&results[..n], &results[n + 1..]].concat();
            states.extend(states_after(&next, &other_operations, &other_results));
        }
    }
    states
}
