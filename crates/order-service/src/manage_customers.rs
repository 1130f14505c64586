//! `PUT`, `GET` and `DELETE /customers/{customerId}`.

use api::documents::CustomerDocument;
use api::{Caller, Problem, Request, Response, customer_body, precondition, validation};
use domain::CustomerId;

use crate::revised_records;
use crate::routes::Api;

impl Api {
    /// Creates or replaces a customer with one conditional write.
    pub(crate) async fn put_customer(&self, request: &Request, caller: &Caller) -> Result<Response, Problem> {
        let id = customer_id(request, caller)?;
        let body = customer_body::parse(&request.json_body()?, &id);
        let (customer, precondition) = validation::combine(body, precondition::parse(request))?;
        let outcome = self.store.put_customer(&customer, &precondition).await?;
        revised_records::stored(outcome, &CustomerDocument::from(&customer))
    }

    pub(crate) async fn show_customer(
        &self,
        request: &Request,
        caller: &Caller,
    ) -> Result<Response, Problem> {
        let id = customer_id(request, caller)?;
        let customer = self.store.customer(&id).await?.ok_or_else(not_found)?;
        revised_records::show(request, &customer.revision, &CustomerDocument::from(&customer.record))
    }

    /// Deletes a customer. The customer's orders stay.
    pub(crate) async fn delete_customer(
        &self,
        request: &Request,
        caller: &Caller,
    ) -> Result<Response, Problem> {
        let id = customer_id(request, caller)?;
        let precondition = precondition::parse(request).map_err(Problem::invalid)?;
        let outcome = self.store.delete_customer(&id, &precondition).await?;
        revised_records::deleted(outcome, "customer")
    }
}

/// Returns the customer in the path, if the caller may manage the customer. An invalid id
/// belongs to no customer, so only an administrator may use it.
fn customer_id(request: &Request, caller: &Caller) -> Result<CustomerId, Problem> {
    let Some(id) = request.path_parameter("customerId") else {
        caller.require_admin()?;
        return Err(not_found());
    };
    caller.require_customer_record(&id)?;
    Ok(id)
}

fn not_found() -> Problem {
    Problem::not_found("customer")
}
