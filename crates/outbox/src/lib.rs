//! From a change of a table to its events on the bus.
//!
//! A change of an order carries its event, which is stored in the same write: the
//! transactional outbox. The events of a stock item follow from its changes. The stream
//! of the table delivers the changes to [`OrderRelay`] or [`StockRelay`], which publish
//! the events. Both share one relay: it publishes each event at least once, and the
//! events of one order or product in order.
//!
//! An operator can publish the event of an order, or the stock of a product, again.

mod batching;
mod destination;
mod order_decode;
mod order_relay;
mod outbound_event;
mod publisher;
mod relay;
mod republish;
mod stock_decode;
mod stock_relay;
mod unpublishable;

pub use order_relay::OrderRelay;
pub use stock_relay::StockRelay;
