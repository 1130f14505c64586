//! `GET /order/{orderId}` and `GET /customers/{customerId}/orders`.

use api::documents::{OrderDocument, OrderList};
use api::paging::PageRequest;
use api::{Problem, Request, Response, authorization, page_token};
use domain::{CustomerId, ListPosition, OrderId, OrderScope};

use crate::routes::{Api, order_id};

impl Api {
    /// Returns an order. An order out of scope looks like one that does not exist, so
    /// that a caller cannot find out which ids exist.
    pub(crate) async fn show_order(
        &self,
        request: &Request,
        scope: &OrderScope,
    ) -> Result<Response, Problem> {
        let id = order_id(request)?;
        let stored = self.store.order(&id).await?;
        match stored.filter(|stored| scope.includes(&stored.order.customer_id)) {
            Some(stored) => Ok(Response::ok(&OrderDocument::from(&stored.order))),
            None => Err(Problem::not_found("order")),
        }
    }

    /// Returns a page of a customer's orders, newest first. The orders of a deleted customer
    /// stay listed.
    pub(crate) async fn list_orders(
        &self,
        request: &Request,
        scope: &OrderScope,
    ) -> Result<Response, Problem> {
        let customer: CustomerId =
            request.path_parameter("customerId").ok_or_else(|| Problem::not_found("customer"))?;
        authorization::require_owner(scope, &customer)?;
        let PageRequest { limit, after } = PageRequest::<ListPosition<OrderId>>::parse(request)?;
        let page = self.store.orders_of(&customer, limit, after.as_ref());
        let (customer_exists, page) = tokio::try_join!(self.store.customer_exists(&customer), page)?;
        self.report_unreadable(&page.unreadable);
        if !customer_exists && page.entries.is_empty() && after.is_none() {
            return Err(Problem::not_found("customer"));
        }
        let next_token = page.last.as_deref().map(page_token::encode);
        Ok(Response::ok(&OrderList::new(&page.entries, next_token)))
    }
}
