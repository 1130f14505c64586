//! `GET /products` and `GET /products/{productId}`.

use api::documents::{ProductDocument, ProductList};
use api::paging::{PageRequest, invalid_token};
use api::{Problem, Request, Response, page_token};
use domain::ProductId;

use crate::routes::Api;

impl Api {
    pub(crate) async fn list_products(&self, request: &Request) -> Result<Response, Problem> {
        let PageRequest { limit, after } = PageRequest::<ProductId>::parse(request)?;
        if let Some(id) = &after
            && self.store.product(id).await?.is_none()
        {
            return Err(Problem::invalid(vec![invalid_token()]));
        }
        let page = self.store.products(limit, after.as_ref()).await?;
        let next_token = page.last.as_deref().map(page_token::encode);
        Ok(Response::ok(&ProductList::new(&page.entries, next_token)))
    }

    pub(crate) async fn show_product(&self, request: &Request) -> Result<Response, Problem> {
        let not_found = || Problem::not_found("product");
        let id: ProductId = request.path_parameter("productId").ok_or_else(not_found)?;
        let product = self.store.product(&id).await?.ok_or_else(not_found)?;
        Ok(Response::ok(&ProductDocument::from(&product)))
    }
}
