//! The simulated designs.

/// A way to reserve the stock of a hot product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// InventoryServiceFunction with one event per invocation, and with a queue for the events
    /// that meet contention.
    Adaptive,
    /// InventoryServiceFunction with one event per invocation, and without the queue.
    Transaction,
    /// InventoryServiceFunction with a batch of events per invocation.
    Batch,
    /// The stock of the product in this number of items. The simulation shows
    /// the upper limit of this design: each order is for one item, and the
    /// function never has to search for stock in a second one.
    Stripes(usize),
    /// Three writes of single items without a transaction: write the
    /// reservation into the stock item, change the order item, remove the
    /// reservation. One line per order.
    SingleItem,
}
