//! The transactional outbox: from the event in an order item to the event on the bus.
//!
//! An order change and its event are stored in one write. The table's stream
//! delivers the change to [`Relay`], which publishes the event. An operator can
//! publish the event in an outbox again.

mod batching;
mod decode;
mod outbound_event;
mod publisher;
mod relay;
mod republish;
mod unpublishable;

pub use relay::Relay;
