//! Dispatch of REST requests to the use cases of this function.

use api::request::record_order_id;
use api::{AuthMode, Problem, Request, Response};
use domain::{CorrelationId, OrderId, ProductId};
use dynamodb::UnreadableItem;
use lambda::{Deadline, Metrics};

use crate::store::Store;

/// The REST API of this function.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    auth_mode: AuthMode,
}

impl Api {
    pub(crate) const fn new(store: Store, metrics: Metrics, auth_mode: AuthMode) -> Self {
        Self { store, metrics, auth_mode }
    }

    /// Responds to a request, with a problem if it is not done at the deadline.
    pub(crate) async fn respond(&self, request: &Request, deadline: Deadline) -> Response {
        request.respond(async { deadline.run(self.dispatch(request, deadline)).await? }).await
    }

    /// Reports the items that a list leaves out.
    pub(crate) fn report_unreadable(&self, items: &[UnreadableItem]) {
        for UnreadableItem { id, error } in items {
            self.metrics.add_unreadable(id, error);
        }
    }

    /// Checks the caller's scope first on every route, except for reads of the catalog,
    /// which are available to every caller.
    async fn dispatch(&self, request: &Request, deadline: Deadline) -> Result<Response, Problem> {
        let caller = self.auth_mode.authenticate(request)?;
        match (request.method.as_str(), request.resource.as_str()) {
            ("POST", "/order") => self.place_order(request, &caller.require_customer()?, deadline).await,
            ("GET", "/order/{orderId}") => self.show_order(request, &caller.require_viewer()?).await,
            ("POST", "/order/{orderId}/cancel") => {
                self.cancel_order(request, &caller.require_customer()?).await
            }
            ("POST", "/order/{orderId}/ship") => {
                self.ship_order(request, &caller.require_fulfillment()?).await
            }
            ("POST", "/order/{orderId}/deliver") => {
                self.deliver_order(request, &caller.require_fulfillment()?).await
            }
            ("GET", "/orders") => {
                caller.require_fulfillment()?;
                self.list_orders_to_ship(request).await
            }
            ("GET", "/customers/{customerId}/orders") => {
                self.list_orders(request, &caller.require_customer()?).await
            }
            ("PUT", "/customers/{customerId}") => self.put_customer(request, &caller).await,
            ("GET", "/customers/{customerId}") => self.show_customer(request, &caller).await,
            ("DELETE", "/customers/{customerId}") => self.delete_customer(request, &caller).await,
            ("GET", "/products") => self.list_products(request).await,
            ("GET", "/products/{productId}") => self.show_product(request).await,
            ("PUT", "/products/{productId}") => {
                caller.require_admin()?;
                self.put_product(request).await
            }
            ("DELETE", "/products/{productId}") => {
                caller.require_admin()?;
                self.delete_product(request).await
            }
            _ => Err(Problem::not_found("route")),
        }
    }
}

/// Returns the order id in the path and records it in the log.
pub(crate) fn order_id(request: &Request) -> Result<OrderId, Problem> {
    let id = request.path_parameter("orderId").ok_or_else(|| Problem::not_found("order"))?;
    record_order_id(&id);
    Ok(id)
}

/// Returns the product id in the path.
pub(crate) fn product_id(request: &Request) -> Result<ProductId, Problem> {
    request.path_parameter("productId").ok_or_else(|| Problem::not_found("product"))
}

/// Returns the correlation id of a change: that of the request, or the order id.
pub(crate) fn correlation_id(request: &Request, order: &OrderId) -> CorrelationId {
    request.correlation_id().unwrap_or_else(|| order.into())
}
