//! `GET /inventory/{productId}/adjustments`, and one of them.

use api::paging::PageRequest;
use api::stock_documents::{AdjustmentDocument, AdjustmentList};
use api::{Problem, Request, Response, page_token};
use domain::{AdjustmentId, ListPosition};
use lambda::Metrics;

use crate::path_parameters::product_id;
use crate::store::Store;
use crate::unreadable_items::report_unreadable;

/// Returns a page of a product's adjustments, newest first.
pub(crate) async fn list_adjustments(
    store: &Store,
    metrics: &Metrics,
    request: &Request,
) -> Result<Response, Problem> {
    let product = product_id(request)?;
    let PageRequest { limit, after } = PageRequest::<ListPosition<AdjustmentId>>::parse(request)?;
    let page = store.adjustments_of(&product, limit, after.as_ref());
    let (stock, page) = tokio::try_join!(store.stock_level(&product), page)?;
    report_unreadable(metrics, &page.unreadable);
    if stock.is_none() {
        return Err(Problem::not_found("product in stock"));
    }
    let next_token = page.last.as_deref().map(page_token::encode);
    Ok(Response::ok(&AdjustmentList::new(&page.entries, next_token)))
}

pub(crate) async fn show_adjustment(store: &Store, request: &Request) -> Result<Response, Problem> {
    let product = product_id(request)?;
    let not_found = || Problem::not_found("adjustment");
    let id: AdjustmentId = request.path_parameter("adjustmentId").ok_or_else(not_found)?;
    let adjustment = store.adjustment(&product, &id).await?.ok_or_else(not_found)?;
    Ok(Response::ok(&AdjustmentDocument::from(&adjustment)))
}
