//! Events about the stock of a product, for consumers outside of this system.
//!
//! The changes of a stock item determine its events and their ids. The functions here
//! compute them, so that every publication of an event is the same.

mod change;
mod event;
mod kind;
mod selection;

pub use change::{StockChange, coalesce};
pub use event::InventoryEvent;
pub use kind::{INVENTORY_SOURCE, InventoryEventKind};
pub use selection::{InventoryEvents, InventoryEventsError};
