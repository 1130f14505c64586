//! What the design says of orders and stock, as plain values. It shares the
//! names of statuses and events with the functions, and none of their rules.

use std::collections::BTreeMap;

use domain::{Change, EventKind, OrderStatus};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

/// Pieces of each of the two products.
pub(crate) type Pieces = [u64; 2];

/// An order, as far as anybody can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) status: OrderStatus,
    pub(crate) pieces: Pieces,
    pub(crate) reserved: bool,
    /// The kind of the event in its outbox.
    pub(crate) outbox: Option<EventKind>,
    /// What there was of each product that it was rejected for.
    pub(crate) available: [Option<u64>; 2],
}

/// What the tables show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) stock: Pieces,
    pub(crate) orders: BTreeMap<String, Kept>,
}

/// An event as a consumer hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) kind: EventKind,
    pub(crate) order: String,
    /// What the event claims that the order holds.
    pub(crate) pieces: Pieces,
    /// Whether it came from an outbox, and so may clear it.
    pub(crate) own: bool,
}

/// What one invocation asks for.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// An order; its id is chosen by the function.
    Place { key: Option<u8>, pieces: Pieces, id: String },
    /// A change, by a client.
    Change(Change, String),
    /// An event.
    Hear(Heard),
}

/// How an invocation ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Created(String),
    KeyReused,
    Changed,
    NoOrder,
    Refused,
    Applied,
    TooEarly,
    Illegal,
}

/// One way in which things may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) seen: Seen,
    /// The order that each idempotency key has led to.
    keys: BTreeMap<u8, (String, Pieces)>,
    /// The events that outboxes called for and no relay is done with, oldest first.
    pub(crate) unpublished: Vec<(String, EventKind)>,
}

impl Model {
    pub(crate) const fn new(stock: Pieces) -> Self {
        let seen = Seen { stock, orders: BTreeMap::new() };
        Self { seen, keys: BTreeMap::new(), unpublished: Vec::new() }
    }

    /// How things stand after a deed.
    pub(crate) fn after(mut self, deed: &Deed) -> (Self, Answer) {
        let answer = match deed {
            Deed::Place { key, pieces, id } => self.place(*key, *pieces, id),
            Deed::Change(change, order) => self.change(*change, order),
            Deed::Hear(event) => match event.kind {
                EventKind::Placed => self.placed(event),
                EventKind::Canceled => self.canceled(event),
                EventKind::Shipped => self.moved(event, Confirmed, Shipped),
                EventKind::Delivered => self.moved(event, Shipped, Delivered),
                EventKind::Rejected => panic!("the rule lets no OrderRejected through"),
            },
        };
        (self, answer)
    }

    fn place(&mut self, key: Option<u8>, pieces: Pieces, id: &str) -> Answer {
        if let Some((first, same)) = key.and_then(|key| self.keys.get(&key)) {
            return if *same == pieces { Answer::Created(first.clone()) } else { Answer::KeyReused };
        }
        if let Some(key) = key {
            self.keys.insert(key, (id.to_owned(), pieces));
        }
        let outbox = Some(EventKind::Placed);
        let order = Kept { status: Placed, pieces, reserved: false, outbox, available: [None; 2] };
        assert_eq!(self.seen.orders.insert(id.to_owned(), order), None, "{id} is taken");
        self.unpublished.push((id.to_owned(), EventKind::Placed));
        Answer::Created(id.to_owned())
    }

    fn change(&mut self, change: Change, id: &str) -> Answer {
        let (from, to, kind): (&[_], _, _) = match change {
            Change::Cancel => (&[Placed, Confirmed], Canceled, EventKind::Canceled),
            Change::Ship => (&[Confirmed], Shipped, EventKind::Shipped),
            Change::Deliver => (&[Shipped], Delivered, EventKind::Delivered),
            Change::Confirm | Change::Reject => panic!("the API has no route for {change:?}"),
        };
        let Some(order) = self.seen.orders.get_mut(id) else {
            return Answer::NoOrder;
        };
        if order.status == to {
            return Answer::Changed;
        }
        if !from.contains(&order.status) {
            return Answer::Refused;
        }
        order.status = to;
        order.outbox = Some(kind);
        self.unpublished.push((id.to_owned(), kind));
        Answer::Changed
    }

    fn placed(&mut self, event: &Heard) -> Answer {
        let stored = self.seen.orders.get(&event.order);
        if stored.is_some_and(|order| order.status != Placed) {
            return Answer::Applied;
        }
        let pieces = stored.map_or(event.pieces, |order| order.pieces);
        let stock = self.seen.stock;
        let available = [0, 1].map(|n| (pieces[n] > stock[n]).then_some(stock[n]));
        let order = if available == [None; 2] {
            self.seen.stock = [0, 1].map(|n| stock[n] - pieces[n]);
            Kept { status: Confirmed, pieces, reserved: true, outbox: None, available }
        } else {
            self.unpublished.push((event.order.clone(), EventKind::Rejected));
            Kept { status: Rejected, pieces, reserved: false, outbox: Some(EventKind::Rejected), available }
        };
        self.seen.orders.insert(event.order.clone(), order);
        Answer::Applied
    }

    fn canceled(&mut self, event: &Heard) -> Answer {
        let Some(order) = self.seen.orders.get_mut(&event.order) else {
            let (pieces, available) = (event.pieces, [None; 2]);
            let order = Kept { status: Canceled, pieces, reserved: false, outbox: None, available };
            self.seen.orders.insert(event.order.clone(), order);
            return Answer::Applied;
        };
        match order.status {
            Shipped | Delivered => return Answer::Illegal,
            Rejected => return Answer::Applied,
            Canceled if !order.reserved => {
                order.outbox.take_if(|kind| event.own && *kind == EventKind::Canceled);
            }
            Placed | Confirmed | Canceled => {
                if std::mem::take(&mut order.reserved) {
                    self.seen.stock = [0, 1].map(|n| self.seen.stock[n] + order.pieces[n]);
                }
                order.status = Canceled;
                order.outbox = None;
            }
        }
        Answer::Applied
    }

    /// OrderShipped and OrderDelivered.
    fn moved(&mut self, event: &Heard, from: OrderStatus, to: OrderStatus) -> Answer {
        let Some(order) = self.seen.orders.get_mut(&event.order) else {
            return Answer::TooEarly;
        };
        if order.status == from {
            order.status = to;
            order.outbox = None;
            return Answer::Applied;
        }
        match order.status {
            Placed | Confirmed => return Answer::TooEarly,
            Rejected | Canceled => return Answer::Illegal,
            Shipped | Delivered => {}
        }
        if order.status == to {
            order.outbox.take_if(|kind| event.own && *kind == event.kind);
        }
        Answer::Applied
    }
}
