//! Dispatch of REST requests to the use cases of this function.

use api::{AuthMode, Problem, Request, Response};
use lambda::{Deadline, Metrics};

use crate::create_adjustment::create_adjustment;
use crate::reorder_point::set_reorder_point;
use crate::show_adjustments::{list_adjustments, show_adjustment};
use crate::show_stock::{list_stock, show_stock};
use crate::store::Store;

/// Responds to a request, with a problem if it is not done at the deadline.
pub(crate) async fn respond(
    store: &Store,
    metrics: &Metrics,
    auth_mode: AuthMode,
    request: &Request,
    deadline: Deadline,
) -> Response {
    let response = dispatch(store, metrics, auth_mode, request);
    request.respond(async { deadline.run(response).await? }).await
}

/// Checks the caller's scope first. The stock on hand is available to every caller, and its
/// management to administrators.
async fn dispatch(
    store: &Store,
    metrics: &Metrics,
    auth_mode: AuthMode,
    request: &Request,
) -> Result<Response, Problem> {
    let caller = auth_mode.authenticate(request)?;
    match (request.method.as_str(), request.resource.as_str()) {
        ("GET", "/inventory") => list_stock(store, metrics, request).await,
        ("GET", "/inventory/{productId}") => show_stock(store, request).await,
        ("PATCH", "/inventory/{productId}") => {
            caller.require_admin()?;
            set_reorder_point(store, request).await
        }
        ("POST", "/inventory/{productId}/adjustments") => {
            caller.require_admin()?;
            create_adjustment(store, metrics, request).await
        }
        ("GET", "/inventory/{productId}/adjustments") => {
            caller.require_admin()?;
            list_adjustments(store, metrics, request).await
        }
        ("GET", "/inventory/{productId}/adjustments/{adjustmentId}") => {
            caller.require_admin()?;
            show_adjustment(store, request).await
        }
        _ => Err(Problem::not_found("route")),
    }
}
