//! `GET /inventory/{productId}/adjustments`, and one of them.

use api::paging::{PageRequest, invalid_token};
use api::stock_documents::{AdjustmentDocument, AdjustmentList};
use api::{Problem, Request, Response, page_token};
use domain::{AdjustmentId, ProductId, StockAdjustment};

use crate::path_parameters::product_id;
use crate::store::Store;

/// Returns a page of a product's adjustments, newest first.
pub(crate) async fn list_adjustments(store: &Store, request: &Request) -> Result<Response, Problem> {
    let product = product_id(request)?;
    let PageRequest { limit, after } = PageRequest::<AdjustmentId>::parse(request)?;
    let after = match after {
        Some(id) => Some(last_listed_adjustment(store, &product, &id).await?),
        None => None,
    };
    let page = store.adjustments_of(&product, limit, after.as_ref());
    let (stock, page) = tokio::try_join!(store.stock_level(&product), page)?;
    if stock.is_none() {
        return Err(Problem::not_found("product in stock"));
    }
    let next_token = page.last.as_deref().map(page_token::encode);
    Ok(Response::ok(&AdjustmentList::new(&page.entries, next_token)))
}

/// Returns the adjustment that a page token refers to, which must be the product's.
async fn last_listed_adjustment(
    store: &Store,
    product: &ProductId,
    id: &AdjustmentId,
) -> Result<StockAdjustment, Problem> {
    let adjustment = store.adjustment(product, id).await?;
    adjustment.ok_or_else(|| Problem::invalid(vec![invalid_token()]))
}

pub(crate) async fn show_adjustment(store: &Store, request: &Request) -> Result<Response, Problem> {
    let product = product_id(request)?;
    let not_found = || Problem::not_found("adjustment");
    let id: AdjustmentId = request.path_parameter("adjustmentId").ok_or_else(not_found)?;
    let adjustment = store.adjustment(&product, &id).await?.ok_or_else(not_found)?;
    Ok(Response::ok(&AdjustmentDocument::from(&adjustment)))
}
