//! `GET /products` and `GET /products/{productId}`.

use api::documents::{ProductDocument, ProductList};
use api::paging::PageRequest;
use api::{Problem, Request, Response, page_token};
use domain::ProductId;

use crate::revised_records;
use crate::routes::{Api, product_id};

impl Api {
    pub(crate) async fn list_products(&self, request: &Request) -> Result<Response, Problem> {
        let PageRequest { limit, after } = PageRequest::<ProductId>::parse(request)?;
        let page = self.store.products(limit, after.as_ref()).await?;
        self.report_unreadable(&page.unreadable);
        let next_token = page.last.as_deref().map(page_token::encode);
        Ok(Response::ok(&ProductList::new(&page.entries, next_token)))
    }

    pub(crate) async fn show_product(&self, request: &Request) -> Result<Response, Problem> {
        let id = product_id(request)?;
        let product = self.store.product(&id).await?.ok_or_else(|| Problem::not_found("product"))?;
        revised_records::show(request, &product.revision, &ProductDocument::from(&product.record))
    }
}
