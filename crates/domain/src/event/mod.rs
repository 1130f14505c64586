//! Events of the order life cycle, and the events that a warehouse sends.

mod kind;
mod lenient;
mod line_items;
mod order_event;
mod stock_received;
mod subject;
mod unpublishable;
mod wire;

pub use kind::{EventKind, ORDER_SOURCE, UnknownEventKindError};
pub use order_event::{EventError, EventMetadata, OrderEvent, SCHEMA_VERSION};
pub use stock_received::{StockReceived, WAREHOUSE_SOURCE};
pub use subject::EventSubject;
pub use unpublishable::UnpublishableEvent;
