//! Environment variables that the template sets for the function.

use aws::{MissingVariableError, require_env};
use domain::InventoryEvents;
use domain::inventory_event::InventoryEventsError;

/// Names of the tables and the bus that the function uses, and the events that it publishes.
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
    /// Reads `ORDERS_TABLE`, `INVENTORY_TABLE`, `PRODUCTS_TABLE`, `EVENT_BUS_NAME` and
    /// `INVENTORY_EVENTS`.
    ///
    /// # Errors
    /// [`SettingsError`] names the first variable that is missing or has an unknown value.
    pub fn from_env() -> Result<Self, SettingsError> {
        Ok(Self {
            orders_table: require_env("ORDERS_TABLE")?,
            inventory_table: require_env("INVENTORY_TABLE")?,
            products_table: require_env("PRODUCTS_TABLE")?,
            event_bus: require_env("EVENT_BUS_NAME")?,
            inventory_events: require_env("INVENTORY_EVENTS")?.parse()?,
        })
    }
}
