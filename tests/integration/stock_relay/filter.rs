//! The filter of the stream lets stock items through, and no other item of the table.

use dynamodb::attribute::{PRODUCT_ID, QUANTITY};
use dynamodb::{Item, number, text};
use serde_json::Value;
use test_support::{EventDriver, TestShop, matches_pattern};

use super::{new_events, relay};

fn passes(record: &Value) -> bool {
    test_support::stock_stream_filters().iter().any(|filter| matches_pattern(filter, record))
}

/// Returns the key of a record's item.
fn key(record: &Value) -> &str {
    record["dynamodb"]["Keys"]["ProductId"]["S"].as_str().unwrap()
}

#[tokio::test]
async fn passes_changes_of_stock_items_but_no_ledger_entries() {
    let shop = TestShop::seeded().await;
    // The ledger has an entry for each change.
    shop.set_stock("001", 10).await;
    shop.set_stock("new", 3).await;
    let records = shop.stock_stream().await.read().await;
    let (stock, ledger): (Vec<_>, Vec<_>) = records.iter().partition(|record| !key(record).contains('#'));
    assert!(stock.len() >= 2 && ledger.len() >= 2, "{records:?}");
    assert!(ledger.iter().all(|record| !passes(record)), "{ledger:?}");
    let passed: Vec<_> = stock.into_iter().filter(|record| passes(record)).map(key).collect();
    assert!(passed.ends_with(&["001", "new"]), "{passed:?}");
}

#[tokio::test]
async fn passes_no_deletion_and_no_item_without_revision() {
    let shop = TestShop::empty().await;
    shop.set_stock("001", 10).await;
    let mut stream = shop.stock_stream().await;
    stream.read().await;
    shop.delete(&shop.tables.inventory, PRODUCT_ID, "001").await;
    let attributes = [(PRODUCT_ID, text("002")), (QUANTITY, number(1))];
    let item: Item = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    shop.put(&shop.tables.inventory, item).await;
    let records = stream.read().await;
    assert_eq!(records.len(), 2);
    assert!(!records.iter().any(passes), "{records:?}");
    // The function ignores such records even if a filter lets them through.
    assert_eq!(relay(&shop, &records).await, None);
    assert_eq!(new_events(&shop), [""; 0]);
}

#[tokio::test]
async fn publishes_nothing_for_ledger_entries_that_a_filter_lets_through() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 10).await;
    let records = shop.stock_stream().await.read().await;
    let ledger: Vec<_> = records.into_iter().filter(|record| key(record).contains('#')).collect();
    assert!(!ledger.is_empty());
    assert_eq!(relay(&shop, &ledger).await, None);
    assert_eq!(new_events(&shop), [""; 0]);
}

/// The writes of both services pass their filters, and the published events reach no rule for
/// unknown events.
#[tokio::test]
async fn known_stock_events_do_not_go_to_the_dead_letter_queue() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    for quantity in [0, 7] {
        shop.set_stock("001", quantity).await;
        driver.relay_stock().await;
    }
    let kinds: Vec<_> = shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    assert!(kinds.contains(&"StockDepleted".to_owned()) && kinds.contains(&"BackInStock".to_owned()));
    assert_eq!((driver.unhandled_messages().len(), driver.pending_events().len()), (0, 0));
}
