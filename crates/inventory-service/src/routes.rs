//! `GET /inventory/{productId}`.

use api::documents::StockDocument;
use api::{AuthMode, Problem, Request, Response};
use domain::ProductId;

use crate::store::Store;

pub(crate) async fn respond(store: &Store, auth_mode: AuthMode, request: &Request) -> Response {
    request.respond(dispatch(store, auth_mode, request)).await
}

async fn dispatch(store: &Store, auth_mode: AuthMode, request: &Request) -> Result<Response, Problem> {
    auth_mode.authenticate(request)?;
    match (request.method.as_str(), request.resource.as_str()) {
        ("GET", "/inventory/{productId}") => show_stock(store, request).await,
        _ => Err(Problem::not_found("route")),
    }
}

async fn show_stock(store: &Store, request: &Request) -> Result<Response, Problem> {
    let not_found = || Problem::not_found("product in stock");
    let id: ProductId = request.path_parameter("productId").ok_or_else(not_found)?;
    let stock = store.stock_level(&id).await?.ok_or_else(not_found)?;
    Ok(Response::ok(&StockDocument::from(&stock)))
}
