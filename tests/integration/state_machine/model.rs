//! A model of orders and stock as plain values. It shares the names of statuses and events with the
//! functions, but none of their rules.

use std::collections::BTreeMap;

use domain::{EventKind, OrderAction, OrderStatus};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

/// Units of each of the two products.
pub(crate) type Quantities = [u64; 2];

/// The observable state of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderState {
    pub(crate) status: OrderStatus,
    pub(crate) quantities: Quantities,
    pub(crate) reserved: bool,
    /// The kind of the event in its outbox.
    pub(crate) outbox: Option<EventKind>,
    /// The kinds of the earlier events that are not applied, oldest first.
    pub(crate) superseded: Vec<EventKind>,
    /// The available units of each product that was short when the order was rejected.
    pub(crate) available: [Option<u64>; 2],
}

impl OrderState {
    fn new(status: OrderStatus, quantities: Quantities, outbox: Option<EventKind>) -> Self {
        Self { status, quantities, reserved: false, outbox, superseded: Vec::new(), available: [None; 2] }
    }

    /// Changes the status, and keeps an event that is not applied.
    fn change(&mut self, status: OrderStatus, outbox: Option<EventKind>) {
        self.status = status;
        self.superseded.extend(std::mem::replace(&mut self.outbox, outbox));
    }

    /// Removes an event that this system published and the consumer received.
    fn acknowledge(&mut self, event: &ConsumedEvent) {
        if event.from_outbox {
            self.outbox.take_if(|kind| *kind == event.kind);
            self.superseded.retain(|kind| *kind != event.kind);
        }
    }
}

/// The cause of an adjustment: an idempotency key or a receipt of goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Key(u8),
    Receipt(u8),
}

/// An adjustment of one of the two products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Adjustment {
    pub(crate) cause: Cause,
    pub(crate) product: usize,
    pub(crate) delta: i64,
}

/// The observable content of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) stock: Quantities,
    pub(crate) orders: BTreeMap<String, OrderState>,
    /// The delta of each adjustment of a product since the start, by cause and product.
    pub(crate) ledger: BTreeMap<(Cause, usize), i64>,
}

/// An event that the consumer receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumedEvent {
    pub(crate) kind: EventKind,
    pub(crate) order: String,
    /// The units that the event has for the order.
    pub(crate) quantities: Quantities,
    /// True for an event from an outbox. Only such an event clears the outbox.
    pub(crate) from_outbox: bool,
}

/// The operation that one invocation performs.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// A client places an order. The function chooses its id.
    Place { key: Option<u8>, quantities: Quantities, id: String },
    /// A client changes the status of an order.
    ChangeStatus(OrderAction, String),
    /// The consumer receives an event.
    Consume(ConsumedEvent),
    /// A request or a receipt of goods adjusts stock.
    Adjust(Adjustment),
}

/// The result of one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OperationResult {
    Created(String),
    KeyReused,
    StatusChanged,
    NotFound,
    Conflict,
    Applied,
    TooEarly,
    Forbidden,
    Adjusted,
    InsufficientStock,
}

/// A possible state of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) observed: Observed,
    /// The order of each idempotency key, with the units of its request.
    keys: BTreeMap<u8, (String, Quantities)>,
    /// The events that were put into an outbox and are not published yet, oldest first.
    pub(crate) unpublished: Vec<(String, EventKind)>,
}

impl Model {
    pub(crate) const fn new(stock: Quantities) -> Self {
        let observed = Observed { stock, orders: BTreeMap::new(), ledger: BTreeMap::new() };
        Self { observed, keys: BTreeMap::new(), unpublished: Vec::new() }
    }

    /// Applies an operation, and returns the new state with the result.
    pub(crate) fn apply(mut self, operation: &Operation) -> (Self, OperationResult) {
        let result = match operation {
            Operation::Place { key, quantities, id } => self.place(*key, *quantities, id),
            Operation::ChangeStatus(change, order) => self.change(*change, order),
            Operation::Consume(event) => match event.kind {
                EventKind::Placed => self.reserve(event),
                EventKind::Canceled => self.cancel_by_event(event),
                EventKind::Shipped => self.advance(event, Confirmed, Shipped),
                EventKind::Delivered => self.advance(event, Shipped, Delivered),
                EventKind::Confirmed | EventKind::Rejected => panic!("the bus rule does not match {event:?}"),
            },
            Operation::Adjust(adjustment) => self.adjust(*adjustment),
        };
        (self, result)
    }

    fn place(&mut self, key: Option<u8>, quantities: Quantities, id: &str) -> OperationResult {
        if let Some((first_id, first_quantities)) = key.and_then(|key| self.keys.get(&key)) {
            return if *first_quantities == quantities {
                OperationResult::Created(first_id.clone())
            } else {
                OperationResult::KeyReused
            };
        }
        if let Some(key) = key {
            self.keys.insert(key, (id.to_owned(), quantities));
        }
        let order = OrderState::new(Placed, quantities, Some(EventKind::Placed));
        assert_eq!(self.observed.orders.insert(id.to_owned(), order), None, "{id} already exists");
        self.unpublished.push((id.to_owned(), EventKind::Placed));
        OperationResult::Created(id.to_owned())
    }

    fn change(&mut self, change: OrderAction, id: &str) -> OperationResult {
        let (from, to, kind): (&[_], _, _) = match change {
            OrderAction::Cancel => (&[Placed, Confirmed], Canceled, EventKind::Canceled),
            OrderAction::Ship => (&[Confirmed], Shipped, EventKind::Shipped),
            OrderAction::Deliver => (&[Shipped], Delivered, EventKind::Delivered),
            OrderAction::Confirm | OrderAction::Reject => panic!("the API has no route for {change:?}"),
        };
        let Some(order) = self.observed.orders.get_mut(id) else {
            return OperationResult::NotFound;
        };
        if order.status == to {
            return OperationResult::StatusChanged;
        }
        if !from.contains(&order.status) {
            return OperationResult::Conflict;
        }
        order.change(to, Some(kind));
        self.unpublished.push((id.to_owned(), kind));
        OperationResult::StatusChanged
    }

    fn reserve(&mut self, event: &ConsumedEvent) -> OperationResult {
        if let Some(order) = self.observed.orders.get_mut(&event.order)
            && order.status != Placed
        {
            order.acknowledge(event);
            return OperationResult::Applied;
        }
        let stored = self.observed.orders.get(&event.order);
        let quantities = stored.map_or(event.quantities, |order| order.quantities);
        let stock = self.observed.stock;
        let available = [0, 1].map(|n| (quantities[n] > stock[n]).then_some(stock[n]));
        let reserved = available == [None; 2];
        let (status, kind) =
            if reserved { (Confirmed, EventKind::Confirmed) } else { (Rejected, EventKind::Rejected) };
        if reserved {
            self.observed.stock = [0, 1].map(|n| stock[n] - quantities[n]);
        }
        self.unpublished.push((event.order.clone(), kind));
        let order = OrderState { reserved, available, ..OrderState::new(status, quantities, Some(kind)) };
        self.observed.orders.insert(event.order.clone(), order);
        OperationResult::Applied
    }

    fn adjust(&mut self, Adjustment { cause, product, delta }: Adjustment) -> OperationResult {
        if let Some(recorded) = self.observed.ledger.get(&(cause, product)) {
            return if *recorded == delta { OperationResult::Adjusted } else { OperationResult::KeyReused };
        }
        let Some(stock) = self.observed.stock[product].checked_add_signed(delta) else {
            return OperationResult::InsufficientStock;
        };
        self.observed.stock[product] = stock;
        self.observed.ledger.insert((cause, product), delta);
        OperationResult::Adjusted
    }

    fn cancel_by_event(&mut self, event: &ConsumedEvent) -> OperationResult {
        let Some(order) = self.observed.orders.get_mut(&event.order) else {
            let order = OrderState::new(Canceled, event.quantities, None);
            self.observed.orders.insert(event.order.clone(), order);
            return OperationResult::Applied;
        };
        match order.status {
            Shipped | Delivered => return OperationResult::Forbidden,
            Rejected => return OperationResult::Applied,
            Canceled => order.acknowledge(event),
            Placed | Confirmed => order.change(Canceled, None),
        }
        if std::mem::take(&mut order.reserved) {
            self.observed.stock = [0, 1].map(|n| self.observed.stock[n] + order.quantities[n]);
        }
        OperationResult::Applied
    }

    /// Applies OrderShipped or OrderDelivered.
    fn advance(&mut self, event: &ConsumedEvent, from: OrderStatus, to: OrderStatus) -> OperationResult {
        let Some(order) = self.observed.orders.get_mut(&event.order) else {
            return OperationResult::TooEarly;
        };
        if order.status == from {
            order.change(to, None);
            return OperationResult::Applied;
        }
        match order.status {
            Placed | Confirmed => return OperationResult::TooEarly,
            Rejected | Canceled => return OperationResult::Forbidden,
            Shipped | Delivered => {}
        }
        order.acknowledge(event);
        OperationResult::Applied
    }
}
