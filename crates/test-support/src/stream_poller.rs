//! Lambda's poller of a table's stream.

use serde_json::Value;

use crate::event_pattern::matches_pattern;
use crate::function::Function;
use crate::invocation;
use crate::response::batch_item_failures;
use crate::stream_reader::{StreamReader, sequence_number};
use crate::template::StreamMapping;
use crate::test_shop::TestShop;

/// A poller that invokes a function with the records of a stream.
#[derive(Debug)]
pub struct StreamPoller {
    mapping: StreamMapping,
    stream: StreamReader,
    records: Vec<Value>,
}

impl StreamPoller {
    /// Returns a poller of the Orders table's stream that starts at the oldest record.
    pub async fn new(shop: &TestShop) -> Self {
        Self { mapping: StreamMapping::Orders, stream: shop.order_stream().await, records: Vec::new() }
    }

    /// Returns a poller of the Inventory table's stream that starts at the oldest record.
    pub async fn of_stock(shop: &TestShop) -> Self {
        Self { mapping: StreamMapping::Inventory, stream: shop.stock_stream().await, records: Vec::new() }
    }

    /// Reads all new records that pass the filters of the event source mapping.
    pub async fn poll(&mut self) {
        let new = self.stream.read().await;
        self.keep_matching(new);
    }

    /// Reads one page of new records like [`StreamPoller::poll`]. Returns false if there are none.
    pub async fn poll_page(&mut self) -> bool {
        let new = self.stream.read_page().await;
        let is_empty = new.is_empty();
        self.keep_matching(new);
        !is_empty
    }

    fn keep_matching(&mut self, new: Vec<Value>) {
        let filters = self.mapping.filters();
        let passes = |record: &Value| filters.iter().any(|filter| matches_pattern(filter, record));
        self.records.extend(new.into_iter().filter(passes));
    }

    /// Invokes the function with one batch. Returns true if it succeeded for all records.
    ///
    /// The records from the first failed one on stay pending. All records of the batch stay
    /// pending if this future is dropped.
    pub async fn invoke(&mut self, function: &impl Function) -> bool {
        let size = self.mapping.batch_size().min(self.records.len());
        let response = function.invoke(invocation::stream(&self.records[..size])).await.unwrap();
        let failed = batch_item_failures(&response);
        let first_failed = self.records[..size]
            .iter()
            .position(|record| failed.iter().any(|failed| failed == sequence_number(record)));
        assert_eq!(first_failed.is_some(), !failed.is_empty(), "{failed:?} are not records of the batch");
        self.records.drain(..first_failed.unwrap_or(size));
        first_failed.is_none()
    }

    /// Removes the next batch, as Lambda does when its records are too old, and returns its records.
    pub fn expire(&mut self) -> Vec<Value> {
        let size = self.mapping.batch_size().min(self.records.len());
        self.records.drain(..size).collect()
    }

    /// Returns the number of records that are not processed yet.
    #[must_use]
    pub const fn pending_records(&self) -> usize {
        self.records.len()
    }
}
