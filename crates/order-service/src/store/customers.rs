//! Reads and writes of the Customers table.

use aws::ServiceError;
use domain::{Customer, CustomerId, Precondition};
use dynamodb::attribute::CUSTOMER_ID;
use dynamodb::{Revised, decode_customer, encode_customer, text};

use super::Store;
use super::revised_write::{DeleteOutcome, PutOutcome, RevisedWrite};

impl Store {
    pub(crate) async fn customer_exists(&self, id: &CustomerId) -> Result<bool, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.customers_table)
            .key(CUSTOMER_ID, text(id))
            .projection_expression(CUSTOMER_ID)
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item.is_some())
    }

    pub(crate) async fn customer(&self, id: &CustomerId) -> Result<Option<Revised<Customer>>, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.customers_table)
            .key(CUSTOMER_ID, text(id))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item().map(|item| Revised::decode(item, decode_customer)).transpose()?)
    }

    /// Creates or replaces a customer if the precondition is met.
    pub(crate) async fn put_customer(
        &self,
        customer: &Customer,
        precondition: &Precondition,
    ) -> Result<PutOutcome, ServiceError> {
        self.write_customer(precondition).put(|revision| encode_customer(customer, revision)).await
    }

    /// Deletes a customer if the precondition is met. Leaves the customer's orders.
    pub(crate) async fn delete_customer(
        &self,
        id: &CustomerId,
        precondition: &Precondition,
    ) -> Result<DeleteOutcome, ServiceError> {
        self.write_customer(precondition).delete(id).await
    }

    fn write_customer<'a>(&'a self, precondition: &'a Precondition) -> RevisedWrite<'a> {
        let table = &self.settings.customers_table;
        RevisedWrite::new(&self.client, table, CUSTOMER_ID, precondition)
    }
}
