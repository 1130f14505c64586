//! Random commands for the system.

use domain::{EventKind, OrderAction};
use proptest::prelude::*;

use super::model::{Adjustment, Cause, Quantities};

/// A command that the test executes. Its indexes select from the existing orders or events, by remainder.
#[derive(Debug, Clone)]
pub(super) enum Command {
    /// Invokes a function.
    Invoke(Action),
    /// Invokes functions concurrently.
    InvokeConcurrently(Vec<Action>),
    /// Invokes a function while another invocation is interrupted. Both may be for the same action.
    Interleaved(Action, InterruptionPoint, Action),
    /// Stops an invocation in the middle.
    Abort(Action, InterruptionPoint),
    /// Relays the stream.
    Relay,
    /// Stops the relay in the middle, before or after its events are published.
    AbortRelay { published: bool },
    /// Sends an event of another producer, for a known or an unknown order.
    SendExternalEvent(EventKind, usize),
    /// Sets a pending event aside.
    SetAside(usize),
    /// Makes all events that were set aside pending again.
    Redrive,
    /// Starts new instances of the functions.
    Restart,
}

/// An action for which a function is invoked.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// A client places an order. It may repeat a request with its key, or reuse the key for another
    /// request.
    Place { key: Option<u8>, quantities: Quantities },
    /// A client changes the status of an order.
    ChangeStatus(OrderAction, usize),
    /// The bus or the queue delivers a pending event, which may stay pending to be delivered again.
    Deliver { event: usize, by_queue: bool, again: bool },
    /// An administrator adjusts stock with an idempotency key, or a warehouse reports goods. Either may
    /// repeat an earlier one, or reuse its key or receipt for another quantity.
    Adjust(Adjustment),
}

/// A point in an invocation: one of its calls, counted from 1, before or after it takes effect.
#[derive(Debug, Clone)]
pub(super) struct InterruptionPoint {
    pub(super) call: usize,
    pub(super) takes_effect: bool,
}

pub(super) fn commands() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(), 1..50)
}

fn command() -> impl Strategy<Value = Command> {
    let kind = prop::sample::select(&[
        EventKind::Placed,
        EventKind::Shipped,
        EventKind::Delivered,
        EventKind::Canceled,
    ]);
    prop_oneof![
        10 => action().prop_map(Command::Invoke),
        2 => prop::collection::vec(action(), 2..5).prop_map(Command::InvokeConcurrently),
        2 => (action(), interruption_point(), action())
            .prop_map(|(first, point, second)| Command::Interleaved(first, point, second)),
        2 => (action(), interruption_point())
            .prop_map(|(action, point)| Command::Interleaved(action.clone(), point, action)),
        4 => (action(), interruption_point()).prop_map(|(action, point)| Command::Abort(action, point)),
        4 => Just(Command::Relay),
        1 => any::<bool>().prop_map(|published| Command::AbortRelay { published }),
        2 => (kind, any::<usize>()).prop_map(|(kind, order)| Command::SendExternalEvent(kind, order)),
        1 => any::<usize>().prop_map(Command::SetAside),
        1 => Just(Command::Redrive),
        1 => Just(Command::Restart),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let quantities = (1_u64..4, 0_u64..3).prop_map(|(first, second)| [first, second]);
    let change = prop_oneof![2 => Just(OrderAction::Cancel), 2 => Just(OrderAction::Ship), 1 => Just(OrderAction::Deliver)];
    prop_oneof![
        2 => (prop::option::of(0_u8..2), quantities)
            .prop_map(|(key, quantities)| Action::Place { key, quantities }),
        3 => (change, any::<usize>()).prop_map(|(change, order)| Action::ChangeStatus(change, order)),
        5 => (any::<usize>(), any::<bool>(), any::<bool>())
            .prop_map(|(event, by_queue, again)| Action::Deliver { event, by_queue, again }),
        2 => adjustment().prop_map(Action::Adjust),
    ]
}

/// Returns removals and additions by a request, and additions by a receipt of goods.
fn adjustment() -> impl Strategy<Value = Adjustment> {
    let deltas = prop::sample::select(&[-4_i64, -2, 1, 2, 3]);
    (0_u8..3, any::<bool>(), 0_usize..2, deltas).prop_map(|(n, by_request, product, delta)| {
        let (cause, delta) =
            if by_request { (Cause::Key(n), delta) } else { (Cause::Receipt(n), delta.abs()) };
        Adjustment { cause, product, delta }
    })
}

fn interruption_point() -> impl Strategy<Value = InterruptionPoint> {
    (1_usize..5, any::<bool>()).prop_map(|(call, takes_effect)| InterruptionPoint { call, takes_effect })
}
