//! What the template passes to the function.

use aws_support::{MissingVariable, required};

/// Names of the resources that the function uses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Orders table.
    pub orders_table: String,
    /// The Customers table.
    pub customers_table: String,
    /// The Products table.
    pub products_table: String,
    /// The bus that events are published on.
    pub event_bus: String,
}

impl Settings {
    /// Reads `ORDERS_TABLE`, `CUSTOMERS_TABLE`, `PRODUCTS_TABLE` and `EVENT_BUS_NAME`.
    ///
    /// # Errors
    /// [`MissingVariable`] names the first that is not set.
    pub fn from_env() -> Result<Self, MissingVariable> {
        Ok(Self {
            orders_table: required("ORDERS_TABLE")?,
            customers_table: required("CUSTOMERS_TABLE")?,
            products_table: required("PRODUCTS_TABLE")?,
            event_bus: required("EVENT_BUS_NAME")?,
        })
    }
}
