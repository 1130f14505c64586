//! Lambda's poller of the Orders table's stream.

use order_service::OrderService;
use serde_json::Value;

use crate::event_pattern::matches_pattern;
use crate::function::Function as _;
use crate::invocation;
use crate::response::batch_item_failures;
use crate::stream_reader::{StreamReader, sequence_number};
use crate::template::{stream_batch_size, stream_filters};
use crate::test_shop::TestShop;

/// A poller that invokes OrderServiceFunction with the records of the stream.
#[derive(Debug)]
pub struct StreamPoller {
    stream: StreamReader,
    records: Vec<Value>,
}

impl StreamPoller {
    /// Returns a poller that starts at the stream's oldest record.
    pub async fn new(shop: &TestShop) -> Self {
        Self { stream: shop.order_stream().await, records: Vec::new() }
    }

    /// Reads the new records that pass the stream's filters.
    pub async fn poll(&mut self) {
        let filters = stream_filters();
        let new = self.stream.read().await;
        let passes = |record: &Value| filters.iter().any(|filter| matches_pattern(filter, record));
        self.records.extend(new.into_iter().filter(passes));
    }

    /// Invokes the function with one batch. Returns true if it succeeded for all records.
    ///
    /// The records from the first failed one on stay pending. All records of the batch stay
    /// pending if this future is dropped.
    pub async fn invoke(&mut self, orders: &OrderService) -> bool {
        let size = stream_batch_size().min(self.records.len());
        let response = orders.invoke(invocation::stream(&self.records[..size])).await.unwrap();
        let failed = batch_item_failures(&response);
        let first_failed = self.records[..size]
            .iter()
            .position(|record| failed.iter().any(|failed| failed == sequence_number(record)));
        assert_eq!(first_failed.is_some(), !failed.is_empty(), "{failed:?} are not records of the batch");
        self.records.drain(..first_failed.unwrap_or(size));
        first_failed.is_none()
    }

    /// Returns the number of records that are not processed yet.
    #[must_use]
    pub const fn pending_records(&self) -> usize {
        self.records.len()
    }
}
