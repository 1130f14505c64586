//! `PUT` and `DELETE /products/{productId}`.

use api::documents::ProductDocument;
use api::{Problem, Request, Response, precondition, product_body, validation};

use crate::revised_records;
use crate::routes::{Api, product_id};

impl Api {
    /// Creates or replaces a product with one conditional write.
    pub(crate) async fn put_product(&self, request: &Request) -> Result<Response, Problem> {
        let id = product_id(request)?;
        let body = product_body::parse(&request.json_body()?, &id);
        let (product, precondition) = validation::combine(body, precondition::parse(request))?;
        let outcome = self.store.put_product(&product, &precondition).await?;
        revised_records::stored(outcome, &ProductDocument::from(&product))
    }

    /// Deletes a product. Its stock and its orders stay.
    pub(crate) async fn delete_product(&self, request: &Request) -> Result<Response, Problem> {
        let id = product_id(request)?;
        let precondition = precondition::parse(request).map_err(Problem::invalid)?;
        let outcome = self.store.delete_product(&id, &precondition).await?;
        revised_records::deleted(outcome, "product")
    }
}
