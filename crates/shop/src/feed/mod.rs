//! Live changes of a stack: the stream of a table, and the changes of orders in it.

mod order_change;
mod table_stream;

pub(crate) use order_change::OrderChange;
pub use table_stream::FeedError;
pub(crate) use table_stream::{ChangedItem, Start, TableStream};
