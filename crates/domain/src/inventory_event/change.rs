//! The events that changes of a stock item cause.

use super::event::InventoryEvent;
use crate::stock::StockLevel;
use crate::timestamp::Timestamp;

/// A change of a stock item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockChange {
    /// Stock before the change. `None` if there was no item, or if it is unreadable.
    pub before: Option<StockLevel>,
    /// Stock after the change.
    pub after: StockLevel,
    /// Time of the change.
    pub time: Timestamp,
}

impl StockChange {
    /// Returns the events of the thresholds that this change crosses.
    ///
    /// They depend on this change alone, so that they are the same, with the same ids,
    /// however the changes of a product are grouped.
    #[must_use]
    pub fn threshold_events(&self) -> Vec<InventoryEvent> {
        let Self { before, after, time } = self;
        let was_low = before.as_ref().is_some_and(StockLevel::is_low);
        let quantity_before = before.as_ref().map(|before| before.quantity);
        let mut events = Vec::new();
        if after.is_low() && !was_low {
            events.push(InventoryEvent::low(after, *time));
        }
        if after.quantity == 0 && quantity_before.is_some_and(|quantity| quantity > 0) {
            events.push(InventoryEvent::depleted(after, *time));
        }
        if after.quantity > 0 && quantity_before.unwrap_or_default() == 0 {
            events.push(InventoryEvent::back_in_stock(after, *time));
        }
        events
    }

    /// Returns true if the units on hand differ, or the units before are unknown.
    #[must_use]
    pub fn changes_quantity(&self) -> bool {
        self.before.as_ref().map(|before| before.quantity) != Some(self.after.quantity)
    }
}

/// Returns the one event that reports the quantity after consecutive changes of a product,
/// unless none of them changed it.
#[must_use]
pub fn coalesce(changes: &[StockChange]) -> Option<InventoryEvent> {
    let (first, last) = (changes.first()?, changes.last()?);
    if !changes.iter().any(StockChange::changes_quantity) {
        return None;
    }
    let previous_quantity = first.before.as_ref().map(|before| before.quantity);
    Some(InventoryEvent::updated(&last.after, previous_quantity, last.time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory_event::InventoryEventKind;

    use InventoryEventKind::{BackInStock, Depleted, Low};

    /// A quantity and a reorder point.
    type State = (u64, Option<u64>);

    fn level((quantity, reorder_point): State, revision: u64) -> StockLevel {
        StockLevel { product_id: "001".parse().unwrap(), quantity, revision, reorder_point }
    }

    /// Returns the changes from each state to the next. The item is new at the first.
    fn changes(states: &[State]) -> Vec<StockChange> {
        let levels: Vec<_> =
            states.iter().enumerate().map(|(index, state)| level(*state, index as u64 + 1)).collect();
        let before = std::iter::once(None).chain(levels.iter().cloned().map(Some));
        let change = |(index, (before, after)): (usize, (Option<StockLevel>, StockLevel))| StockChange {
            before,
            after,
            time: Timestamp::from_unix_millis(index as u64 * 1000).unwrap(),
        };
        before.zip(levels.clone()).enumerate().map(change).collect()
    }

    fn crossed(before: State, after: State) -> Vec<InventoryEventKind> {
        changes(&[before, after])[1].threshold_events().iter().map(|event| event.kind).collect()
    }

    #[test]
    fn reports_a_threshold_when_it_is_crossed() {
        assert_eq!(crossed((6, Some(5)), (5, Some(5))), [Low]);
        assert_eq!(crossed((5, Some(5)), (4, Some(5))), []);
        assert_eq!(crossed((6, Some(5)), (0, Some(5))), [Low, Depleted]);
        assert_eq!(crossed((5, Some(5)), (0, Some(5))), [Depleted]);
        assert_eq!(crossed((0, Some(5)), (3, Some(5))), [BackInStock]);
        assert_eq!(crossed((0, None), (0, None)), []);
        assert_eq!(crossed((1, None), (0, None)), [Depleted]);
    }

    #[test]
    fn a_new_reorder_point_can_make_stock_low() {
        assert_eq!(crossed((5, None), (5, Some(5))), [Low]);
        assert_eq!(crossed((5, Some(4)), (5, Some(9))), [Low]);
        assert_eq!(crossed((5, Some(9)), (5, Some(8))), []);
        assert_eq!(crossed((5, Some(9)), (5, None)), []);
    }

    #[test]
    fn a_new_item_is_back_in_stock_and_may_be_low() {
        let kinds = |state| {
            changes(&[state])[0].threshold_events().iter().map(|event| event.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds((7, None)), [BackInStock]);
        assert_eq!(kinds((5, Some(5))), [Low, BackInStock]);
        assert_eq!(kinds((0, None)), []);
    }

    #[test]
    fn coalesces_changes_into_the_last_quantity() {
        let changes = changes(&[(9, None), (7, None), (7, Some(8)), (4, Some(8))]);
        let event = coalesce(&changes[1..]).unwrap();
        assert_eq!((event.previous_quantity, event.quantity, event.revision), (Some(9), 4, 4));
        assert_eq!(event.metadata.occurred_at, changes[3].time);
        assert_eq!(coalesce(&changes).unwrap().previous_quantity, None, "the item was new");
        assert_eq!(coalesce(&changes[2..3]), None, "no quantity changed");
        assert_eq!(coalesce(&[]), None);
    }

    #[test]
    fn coalesces_changes_that_cancel_each_other() {
        let changes = changes(&[(9, None), (7, None), (9, None)]);
        let event = coalesce(&changes[1..]).unwrap();
        assert_eq!((event.previous_quantity, event.quantity, event.revision), (Some(9), 9, 3));
    }

    /// Returns all sequences of `length` states with quantities and reorder points up to 2.
    fn sequences(length: usize) -> Vec<Vec<State>> {
        let states: Vec<State> =
            (0..3).flat_map(|quantity| [None, Some(1), Some(2)].map(|point| (quantity, point))).collect();
        let mut sequences = vec![Vec::new()];
        for _ in 0..length {
            let longer = |sequence: &Vec<State>| {
                let of = |state| [&sequence[..], &[state]].concat();
                states.iter().copied().map(of).collect::<Vec<_>>()
            };
            sequences = sequences.iter().flat_map(longer).collect();
        }
        sequences
    }

    /// For every short history and every way to cut it into batches, the threshold events
    /// are the same, and the last InventoryUpdated reports the last quantity.
    #[test]
    fn events_do_not_depend_on_how_changes_are_grouped() {
        const LENGTH: usize = 4;
        for states in sequences(LENGTH) {
            let changes = changes(&states);
            let expected: Vec<_> = changes.iter().flat_map(StockChange::threshold_events).collect();
            for cuts in 0..1_usize << (LENGTH - 1) {
                let mut threshold_events = Vec::new();
                let mut updates = Vec::new();
                let mut begin = 0;
                for end in 1..=LENGTH {
                    if end == LENGTH || cuts & (1 << (end - 1)) != 0 {
                        threshold_events
                            .extend(changes[begin..end].iter().flat_map(StockChange::threshold_events));
                        updates.extend(coalesce(&changes[begin..end]));
                        begin = end;
                    }
                }
                assert_eq!(threshold_events, expected, "{states:?} cut at {cuts:b}");
                assert_eq!(updates.last().unwrap().quantity, states[LENGTH - 1].0);
                assert!(updates.is_sorted_by(|one, next| one.revision < next.revision));
            }
        }
    }
}
