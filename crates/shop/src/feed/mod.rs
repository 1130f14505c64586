//! Live changes of a stack: the stream of a table, and the changes of orders in it.

use std::time::Duration;

mod order_change;
mod table_stream;

pub(crate) use order_change::OrderChange;
pub use table_stream::FeedError;
pub(crate) use table_stream::{ChangedItem, Start, TableStream};

/// Time between two polls of a stream. A shard allows five reads a second, and the relay takes four of them.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html>
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(1);
