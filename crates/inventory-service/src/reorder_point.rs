//! `PATCH /inventory/{productId}`: one conditional write.

use api::stock_documents::StockDocument;
use api::{Problem, Request, Response, reorder_point_body};

use crate::path_parameters::product_id;
use crate::store::Store;

/// Sets or removes the reorder point of a product.
pub(crate) async fn set_reorder_point(store: &Store, request: &Request) -> Result<Response, Problem> {
    let product = product_id(request)?;
    let reorder_point = reorder_point_body::parse(&request.json_body()?)?;
    let stock = store
        .retry_on_conflict(async || store.set_reorder_point(&product, reorder_point).await)
        .await?
        .ok_or_else(|| Problem::not_found("product in stock"))?;
    Ok(Response::ok(&StockDocument::from(&stock)))
}
