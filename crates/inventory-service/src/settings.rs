//! Environment variables that the template sets for the function.

use aws::{MissingVariableError, require_env};

/// Names of the tables that the function uses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Orders table.
    pub orders_table: String,
    /// Inventory table.
    pub inventory_table: String,
    /// Products table.
    pub products_table: String,
}

impl Settings {
    /// Reads `ORDERS_TABLE`, `INVENTORY_TABLE` and `PRODUCTS_TABLE`.
    ///
    /// # Errors
    /// [`MissingVariableError`] names the first missing variable.
    pub fn from_env() -> Result<Self, MissingVariableError> {
        Ok(Self {
            orders_table: require_env("ORDERS_TABLE")?,
            inventory_table: require_env("INVENTORY_TABLE")?,
            products_table: require_env("PRODUCTS_TABLE")?,
        })
    }
}
