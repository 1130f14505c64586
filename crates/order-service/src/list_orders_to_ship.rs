//! `GET /orders?status=Confirmed`: the orders to ship, oldest first.

use api::documents::OrderList;
use api::paging::PageRequest;
use api::{Problem, Request, Response, Rule, Violation, page_token};
use domain::{FulfillmentPosition, ListPosition, OrderId, OrderStatus};

use crate::routes::Api;

impl Api {
    /// Returns a page of the orders that wait for shipment. The page after it starts at the
    /// position of its last order, which stays valid when the order is shipped.
    pub(crate) async fn list_orders_to_ship(&self, request: &Request) -> Result<Response, Problem> {
        let PageRequest { limit, after } = parse(request)?;
        let after = after.map(|position| FulfillmentPosition::new(position.time, &position.id));
        let page = self.store.orders_to_ship(limit, after.as_ref()).await?;
        self.report_unreadable(&page.unreadable);
        let next_token = page.last.as_deref().map(page_token::encode);
        Ok(Response::ok(&OrderList::new(&page.entries, next_token)))
    }
}

/// Parses the query parameters and reports the violations of all of them together.
fn parse(request: &Request) -> Result<PageRequest<ListPosition<OrderId>>, Problem> {
    let page = PageRequest::parse(request);
    match (check_status(request), page) {
        (Ok(()), page) => page,
        (Err(violation), Ok(_)) => Err(Problem::invalid(vec![violation])),
        (Err(violation), Err(mut problem)) => {
            problem.errors.insert(0, violation);
            Err(Problem::invalid(problem.errors))
        }
    }
}

/// Checks that the request asks for confirmed orders, the only ones on the list.
fn check_status(request: &Request) -> Result<(), Violation> {
    match request.query("status") {
        Some(status) if status == OrderStatus::Confirmed.as_str() => Ok(()),
        Some(_) => Err(Violation::new("status", Rule::Format, "must be Confirmed")),
        None => Err(Violation::new("status", Rule::Required, "is required")),
    }
}
