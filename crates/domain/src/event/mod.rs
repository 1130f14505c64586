//! Events of the order life cycle.

mod kind;
mod order_event;
mod unpublishable;
mod wire;

pub use kind::{EventKind, SOURCE, UnknownEventKindError};
pub use order_event::{EventError, EventMetadata, OrderEvent, SCHEMA_VERSION};
pub use unpublishable::UnpublishableEvent;
