//! `GET /inventory` and `GET /inventory/{productId}`.

use api::paging::PageRequest;
use api::stock_documents::{StockDocument, StockList};
use api::{Problem, Request, Response, page_token};
use domain::ProductId;
use lambda::Metrics;

use crate::path_parameters::product_id;
use crate::store::Store;
use crate::unreadable_items::report_unreadable;

/// Returns a page of the stock of all products.
pub(crate) async fn list_stock(
    store: &Store,
    metrics: &Metrics,
    request: &Request,
) -> Result<Response, Problem> {
    let PageRequest { limit, after } = PageRequest::<ProductId>::parse(request)?;
    let page = store.stock_levels(limit, after.as_ref()).await?;
    report_unreadable(metrics, &page.unreadable);
    let next_token = page.last.as_deref().map(page_token::encode);
    Ok(Response::ok(&StockList::new(&page.entries, next_token)))
}

pub(crate) async fn show_stock(store: &Store, request: &Request) -> Result<Response, Problem> {
    let id = product_id(request)?;
    let stock = store.stock_level(&id).await?;
    let stock = stock.ok_or_else(|| Problem::not_found("product in stock"))?;
    Ok(Response::ok(&StockDocument::from(&stock)))
}
