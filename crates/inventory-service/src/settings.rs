//! Environment variables that the template sets for the function.

use aws::{MissingVariableError, require_env};
use domain::InventoryEvents;
use domain::inventory_event::InventoryEventsError;

/// Names of the tables, the bus and the queues that the function uses, and the events that it publishes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Orders table.
    pub orders_table: String,
    /// Inventory table.
    pub inventory_table: String,
    /// Products table.
    pub products_table: String,
    /// Bus for inventory events.
    pub event_bus: String,
    /// URL of the queue of events that met contention or an unavailable table.
    pub order_event_queue_url: String,
    /// URL of the queue of events that can never be applied.
    pub dead_letter_queue_url: String,
    /// Inventory events to publish.
    pub inventory_events: InventoryEvents,
}

/// An environment variable that is missing or has an unknown value.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing.
    #[error(transparent)]
    Missing(#[from] MissingVariableError),
    /// `INVENTORY_EVENTS` has an unknown value.
    #[error("environment variable INVENTORY_EVENTS {0}")]
    InventoryEvents(#[from] InventoryEventsError),
}

impl Settings {
    /// Reads `ORDERS_TABLE`, `INVENTORY_TABLE`, `PRODUCTS_TABLE`, `EVENT_BUS_NAME`,
    /// `ORDER_EVENT_QUEUE_URL`, `DEAD_LETTER_QUEUE_URL` and `INVENTORY_EVENTS`.
    ///
    /// # Errors
    /// [`SettingsError`] names the first variable that is missing or has an unknown value.
    pub fn from_env() -> Result<Self, SettingsError> {
        Ok(Self {
            orders_table: require_env("ORDERS_TABLE")?,
            inventory_table: require_env("INVENTORY_TABLE")?,
            products_table: require_env("PRODUCTS_TABLE")?,
            event_bus: require_env("EVENT_BUS_NAME")?,
            order_event_queue_url: require_env("ORDER_EVENT_QUEUE_URL")?,
            dead_letter_queue_url: require_env("DEAD_LETTER_QUEUE_URL")?,
            inventory_events: require_env("INVENTORY_EVENTS")?.parse()?,
        })
    }
}
