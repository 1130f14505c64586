//! Failures of PutEvents: no event is lost, and the events of a product stay in order.

use domain::InventoryEvents;
use test_support::{AwsError, BusBehavior, TestShop};

use super::{Stock, new_events, record, records, relay, relay_selected, sequence_number};

/// The number of attempts that the relay makes for rejected entries.
const ATTEMPTS: usize = 3;

/// Makes the bus reject an entry of a call in every attempt of the relay.
fn reject_always(shop: &TestShop, index: usize) {
    shop.bus.script([BusBehavior::reject([(index, "InternalFailure")])]);
    shop.bus.script((1..ATTEMPTS).map(|_| BusBehavior::reject([(0, "InternalFailure")])));
}

/// Returns the states of a product that is taken unit by unit, with a reorder point of 2.
fn taken_to_zero(product: &'static str) -> Vec<Stock> {
    let start = Stock { reorder_point: Some(2), ..Stock::new(product, 4) };
    let next = |last: &Stock| (last.quantity > 0).then(|| last.then(last.quantity - 1));
    std::iter::successors(Some(start), next).collect()
}

/// Describes the events of a product since the last call.
fn new_events_of(shop: &TestShop, product: &str) -> Vec<String> {
    let product = format!(" {product} ");
    new_events(shop).into_iter().filter(|event| event.contains(&product)).collect()
}

const TAKEN_TO_ZERO: [&str; 3] = ["StockLow 001 2 r3", "StockDepleted 001 0 r5", "InventoryUpdated 001 0 r5"];

#[tokio::test]
async fn retries_only_the_rejected_entry_and_keeps_the_order() {
    let shop = TestShop::empty().await;
    shop.bus.script([BusBehavior::reject([(0, "ThrottlingException")])]);
    assert_eq!(relay(&shop, &records(&taken_to_zero("001"))).await, None);
    assert_eq!(new_events(&shop), TAKEN_TO_ZERO);
    assert_eq!(shop.bus.calls().iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn names_the_last_change_of_the_quantity_if_an_update_is_rejected() {
    let shop = TestShop::empty().await;
    let other = Stock::new("002", 9);
    let mut batch = vec![record(0, Some(other), other.then(8))];
    batch.extend(records(&taken_to_zero("001")));
    // The first call has the update of product 002 and the first event of product 001. The third
    // has the update of product 001.
    shop.bus.script([BusBehavior::Accept, BusBehavior::Accept]);
    reject_always(&shop, 0);
    let failed = relay(&shop, &batch).await;
    let last = batch.len() - 1;
    assert_eq!(failed.as_deref(), Some(sequence_number(&batch[last])));
    assert_eq!(new_events_of(&shop, "001"), TAKEN_TO_ZERO[..2]);
    // The retry is shorter than the batch, so that it makes progress under a persistent limit.
    assert_eq!(relay(&shop, &batch[last..]).await, None);
    assert_eq!(new_events(&shop).last().map(String::as_str), TAKEN_TO_ZERO.last().copied());
}

#[tokio::test]
async fn later_events_of_a_product_wait_for_a_rejected_one() {
    let shop = TestShop::empty().await;
    let mut batch = records(&taken_to_zero("001"));
    let other = Stock::new("002", 9);
    batch.push(record(9, Some(other), other.then(8)));
    // The first call has StockLow of product 001 and the update of product 002.
    reject_always(&shop, 0);
    let failed = relay(&shop, &batch).await;
    assert_eq!(new_events(&shop), ["InventoryUpdated 002 8 r2"], "the other product does not wait");
    assert_eq!(failed.as_deref(), Some(sequence_number(&batch[1])), "the record that made the stock low");
    assert_eq!(relay(&shop, &batch).await, None);
    assert_eq!(new_events_of(&shop, "001"), TAKEN_TO_ZERO);
}

#[tokio::test]
async fn names_the_record_of_a_rejected_level_if_no_update_is_selected() {
    let shop = TestShop::empty().await;
    let batch = records(&taken_to_zero("001"));
    shop.bus.script([BusBehavior::Accept]);
    reject_always(&shop, 0);
    let failed = relay_selected(&shop, InventoryEvents::Thresholds, &batch).await;
    assert_eq!(failed.as_deref(), Some(sequence_number(&batch[3])), "the record that depleted the stock");
    assert_eq!(new_events(&shop), TAKEN_TO_ZERO[..1]);
}

#[tokio::test]
async fn publishes_nothing_while_the_bus_is_unavailable_and_everything_afterwards() {
    for error in [AwsError::throttled(), AwsError::unavailable(), AwsError::access_denied()] {
        let shop = TestShop::empty().await;
        let batch = records(&taken_to_zero("001"));
        shop.bus.set_default(BusBehavior::Fail(error));
        // The first record has no event of its own: the update follows from the last.
        assert_eq!(relay(&shop, &batch).await.as_deref(), Some(sequence_number(&batch[1])));
        assert_eq!(new_events(&shop), [""; 0]);
        shop.bus.set_default(BusBehavior::Accept);
        assert_eq!(relay(&shop, &batch).await, None);
        assert_eq!(new_events(&shop), TAKEN_TO_ZERO);
    }
}

#[tokio::test]
async fn a_lost_response_and_a_redelivery_repeat_the_same_events() {
    let shop = TestShop::empty().await;
    let batch = records(&taken_to_zero("001"));
    shop.bus.script([BusBehavior::DropResponse]);
    for _ in 0..2 {
        assert_eq!(relay(&shop, &batch).await, None);
    }
    let events = shop.bus.published();
    assert_eq!(events.len(), 2 * TAKEN_TO_ZERO.len() + 1);
    let mut details: Vec<_> = events.iter().map(|event| event.detail_text().to_owned()).collect();
    details.sort_unstable();
    details.dedup();
    assert_eq!(details.len(), TAKEN_TO_ZERO.len(), "a repeated event is identical");
}
