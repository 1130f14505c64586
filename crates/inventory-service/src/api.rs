//! `GET /inventory/{productId}`

use domain::ProductId;
use lambda_support::{Access, Problem, ProblemKind, Request, Response};

use crate::store::Store;

/// Answers a request: with what was asked for, or with a problem.
pub(crate) async fn answer(store: &Store, access: Access, request: &Request) -> Response {
    request.answer_with(route(store, access, request)).await
}

async fn route(store: &Store, access: Access, request: &Request) -> Result<Response, Problem> {
    access.caller(request)?;
    match (request.method.as_str(), request.resource.as_str()) {
        ("GET", "/inventory/{productId}") => show_stock(store, request).await,
        _ => Err(Problem::no_such_route()),
    }
}

async fn show_stock(store: &Store, request: &Request) -> Result<Response, Problem> {
    let unknown = || Problem::new(ProblemKind::NotFound, "there is no stock of such a product");
    let id: ProductId = request.path_parameter("productId").ok_or_else(unknown)?;
    let stock = store.stock(&id).await?;
    stock.map(|stock| Response::ok(&stock)).ok_or_else(unknown)
}
