//! What the template passes to the function.

use aws_support::{MissingVariable, required};

/// Names of the tables that the function uses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Orders table.
    pub orders_table: String,
    /// The Inventory table.
    pub inventory_table: String,
}

impl Settings {
    /// Reads `ORDERS_TABLE` and `INVENTORY_TABLE`.
    ///
    /// # Errors
    /// [`MissingVariable`] names the first that is not set.
    pub fn from_env() -> Result<Self, MissingVariable> {
        Ok(Self { orders_table: required("ORDERS_TABLE")?, inventory_table: required("INVENTORY_TABLE")? })
    }
}
