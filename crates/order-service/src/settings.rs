//! Environment variables that the template sets for the function.

use aws::{MissingVariableError, require_env};

/// Names of the tables and the bus that the function uses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Orders table.
    pub orders_table: String,
    /// Customers table.
    pub customers_table: String,
    /// Products table.
    pub products_table: String,
    /// Bus for order events.
    pub event_bus: String,
}

impl Settings {
    /// Reads `ORDERS_TABLE`, `CUSTOMERS_TABLE`, `PRODUCTS_TABLE` and `EVENT_BUS_NAME`.
    ///
    /// # Errors
    /// [`MissingVariableError`] names the first missing variable.
    pub fn from_env() -> Result<Self, MissingVariableError> {
        Ok(Self {
            orders_table: require_env("ORDERS_TABLE")?,
            customers_table: require_env("CUSTOMERS_TABLE")?,
            products_table: require_env("PRODUCTS_TABLE")?,
            event_bus: require_env("EVENT_BUS_NAME")?,
        })
    }
}
