//! The routes of the API that this function serves.

use std::str::FromStr;

use domain::{
    Change, CorrelationId, CustomerId, EventId, EventKind, IdempotencyKey, Order, OrderId, OrderList,
    OrderStatus, PendingEvent, PlaceOrder, ProductId, ProductList, Quote, QuoteError, RequestError,
    RequestHash, Rule, Violation,
};
use lambda_support::clock::{now, unix_millis};
use lambda_support::cursor;
use lambda_support::rest::{record_event_id, record_order_id};
use lambda_support::{Access, Metric, Metrics, Problem, ProblemKind, Reach, Request, Response};

use crate::store::{Changed, Inserted, Store};

/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

const DEFAULT_LIMIT: i32 = 20;
/// As many as DynamoDB reads in one batch.
const MAX_LIMIT: i32 = 100;

#[derive(Debug)]
pub(crate) struct Api {
    store: Store,
    metrics: Metrics,
    access: Access,
}

impl Api {
    pub(crate) const fn new(store: Store, metrics: Metrics, access: Access) -> Self {
        Self { store, metrics, access }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Answers a request: with what was asked for, or with a problem.
    pub(crate) async fn answer(&self, request: &Request) -> Response {
        request.answer_with(self.route(request)).await
    }

    /// Each route asks first what its caller may do; the catalogue is shown to every caller.
    async fn route(&self, request: &Request) -> Result<Response, Problem> {
        let caller = self.access.caller(request)?;
        match (request.method.as_str(), request.resource.as_str()) {
            ("POST", "/order") => self.place(request, &caller.own_orders()?).await,
            ("GET", "/order/{orderId}") => self.show(request, &caller.visible_orders()?).await,
            ("POST", "/order/{orderId}/cancel") => {
                self.change(request, &caller.own_orders()?, Change::Cancel, EventKind::Canceled).await
            }
            ("POST", "/order/{orderId}/ship") => {
                self.change(request, &caller.orders_to_fulfil()?, Change::Ship, EventKind::Shipped).await
            }
            ("POST", "/order/{orderId}/deliver") => {
                self.change(request, &caller.orders_to_fulfil()?, Change::Deliver, EventKind::Delivered).await
            }
            ("GET", "/customers/{customerId}/orders") => {
                self.list_orders(request, &caller.own_orders()?).await
            }
            ("GET", "/products") => self.list_products(request).await,
            ("GET", "/products/{productId}") => self.show_product(request).await,
            _ => Err(Problem::no_such_route()),
        }
    }

    /// `POST /order`: one read of customer and prices, then one conditional write.
    async fn place(&self, request: &Request, reach: &Reach) -> Result<Response, Problem> {
        let (wanted, key) = read_place_request(request)?;
        reach.check(&wanted.customer_id)?;
        let hash = wanted.hash();
        let id = match &key {
            Some(key) => OrderId::from_idempotency_key(&wanted.customer_id, key),
            None => fresh_order_id()?,
        };
        record_order_id(&id);
        record_event_id(&EventId::of(&id, EventKind::Placed));
        let order = match self.quote(&wanted).await? {
            Ok(quote) => {
                let cause = cause(request, &id);
                Order::place(id, wanted.customer_id, quote, hash.clone(), now(), cause)
            }
            // A retry is owed its first answer, whatever has left the catalogue since.
            Err(problem) => match self.stored_under(key.as_ref(), &id).await? {
                Some(stored) => return replay(request, stored, &hash),
                None => return Err(problem),
            },
        };
        let inserted = self.store.insert(&order).await?;
        if inserted.made(&order) {
            self.metrics.count(Metric::Orders(OrderStatus::Placed));
        }
        match inserted {
            Inserted::Now => Ok(created(request, &order)),
            Inserted::Before(stored) => replay(request, *stored, &hash),
        }
    }

    async fn quote(&self, wanted: &PlaceOrder) -> Result<Result<Quote, Problem>, Problem> {
        let (known, prices) = self.store.customer_and_prices(&wanted.customer_id, &wanted.lines).await?;
        Ok(wanted.quote(known, &prices).map_err(unquotable))
    }

    /// The order that an idempotency key has led to before.
    async fn stored_under(
        &self,
        key: Option<&IdempotencyKey>,
        id: &OrderId,
    ) -> Result<Option<Order>, Problem> {
        match key {
            Some(_) => Ok(self.store.order(id).await?),
            None => Ok(None),
        }
    }

    /// `GET /order/{orderId}`. An order out of reach is answered like none at
    /// all, so that nobody learns which ids there are.
    async fn show(&self, request: &Request, reach: &Reach) -> Result<Response, Problem> {
        let id = order_id(request)?;
        let order = self.store.order(&id).await?;
        let order = order.filter(|order| reach.covers(&order.customer_id));
        order.map(|order| Response::ok(&order)).ok_or_else(|| no_order(&id))
    }

    /// `POST /order/{orderId}/cancel` and its like: one conditional write. To
    /// ask for a change that was made already is no error, so that a client may
    /// repeat a request whose answer it has lost.
    async fn change(
        &self,
        request: &Request,
        reach: &Reach,
        change: Change,
        kind: EventKind,
    ) -> Result<Response, Problem> {
        let id = order_id(request)?;
        let event = PendingEvent::new(&id, kind, now(), cause(request, &id));
        record_event_id(&event.id);
        let changed = self.store.change(&id, reach, change, &event).await?;
        if changed.made(&event) {
            self.metrics.count(Metric::Orders(change.target()));
        }
        match changed {
            Changed::Now(order) => Ok(Response::ok(&order)),
            Changed::Refused(order) if order.status == change.target() => Ok(Response::ok(&order)),
            Changed::Refused(order) => Err(illegal(&order, change)),
            Changed::NoOrder => Err(no_order(&id)),
        }
    }

    /// `GET /customers/{customerId}/orders`
    async fn list_orders(&self, request: &Request, reach: &Reach) -> Result<Response, Problem> {
        let unknown = || Problem::new(ProblemKind::NotFound, "there is no such customer");
        let customer: CustomerId = request.path_parameter("customerId").ok_or_else(unknown)?;
        reach.check(&customer)?;
        let (limit, token) = paging::<OrderId>(request)?;
        let after = match token {
            Some(id) => Some(self.order_on_list(&id, &customer).await?),
            None => None,
        };
        let page = self.store.orders_of(&customer, limit, after.as_ref());
        let (known, page) = tokio::try_join!(self.store.customer_exists(&customer), page)?;
        if !known {
            return Err(unknown());
        }
        Ok(Response::ok(&OrderList {
            orders: page.entries,
            next_token: page.last.as_deref().map(cursor::token),
        }))
    }

    async fn order_on_list(&self, id: &OrderId, customer: &CustomerId) -> Result<Order, Problem> {
        let order = self.store.order(id).await?;
        order
            .filter(|order| order.customer_id == *customer)
            .ok_or_else(|| Problem::invalid(vec![bad_token()]))
    }

    /// `GET /products`
    async fn list_products(&self, request: &Request) -> Result<Response, Problem> {
        let (limit, after) = paging::<ProductId>(request)?;
        if let Some(id) = &after {
            self.store.product(id).await?.ok_or_else(|| Problem::invalid(vec![bad_token()]))?;
        }
        let page = self.store.products(limit, after.as_ref()).await?;
        let next_token = page.last.as_deref().map(cursor::token);
        Ok(Response::ok(&ProductList { products: page.entries, next_token }))
    }

    /// `GET /products/{productId}`
    async fn show_product(&self, request: &Request) -> Result<Response, Problem> {
        let unknown = || Problem::new(ProblemKind::NotFound, "there is no such product");
        let id: ProductId = request.path_parameter("productId").ok_or_else(unknown)?;
        let product = self.store.product(&id).await?;
        product.map(|product| Response::ok(&product)).ok_or_else(unknown)
    }
}

/// Reads body and header, so that all their faults come back at once.
fn read_place_request(request: &Request) -> Result<(PlaceOrder, Option<IdempotencyKey>), Problem> {
    let wanted = PlaceOrder::parse(&request.json_body()?);
    let key = request.header(IDEMPOTENCY_KEY).map(|text| text.parse::<IdempotencyKey>()).transpose();
    let key = key.map_err(|error| Violation::new(IDEMPOTENCY_KEY, Rule::Format, error.to_string()));
    match (wanted, key) {
        (Ok(wanted), Ok(key)) => Ok((wanted, key)),
        (Ok(_), Err(fault)) => Err(Problem::invalid(vec![fault])),
        (Err(RequestError::NotJson(error)), _) => Err(Problem::new(ProblemKind::NotJson, error.to_string())),
        (Err(RequestError::Invalid(mut faults)), key) => {
            faults.extend(key.err());
            Err(Problem::invalid(faults))
        }
    }
}

/// How many entries of a list are asked for, and behind which one.
fn paging<T: FromStr>(request: &Request) -> Result<(i32, Option<T>), Problem> {
    let limit = request.query("limit").map_or(Some(DEFAULT_LIMIT), |text| {
        text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit))
    });
    let token = request.query("nextToken").map(cursor::entry);
    if let (Some(limit), None | Some(Some(_))) = (limit, &token) {
        return Ok((limit, token.flatten()));
    }
    let bad_limit = limit.is_none().then(|| {
        Violation::new("limit", Rule::Range, format!("must be a whole number from 1 to {MAX_LIMIT}"))
    });
    let bad_token = matches!(token, Some(None)).then(bad_token);
    Err(Problem::invalid(bad_limit.into_iter().chain(bad_token).collect()))
}

fn bad_token() -> Violation {
    Violation::new("nextToken", Rule::InvalidToken, "is not a token of this list")
}

fn created(request: &Request, order: &Order) -> Response {
    Response::created(&format!("{}/{}", request.path.trim_end_matches('/'), order.id), order)
}

/// The first answer again, if the request is the first one again.
fn replay(request: &Request, stored: Order, hash: &RequestHash) -> Result<Response, Problem> {
    if stored.request_hash.as_ref() == Some(hash) {
        return Ok(created(request, &stored.as_placed()));
    }
    let detail = "this idempotency key was used for another request; use a new one";
    Err(Problem::new(ProblemKind::IdempotencyKeyReused, detail))
}

fn unquotable(error: QuoteError) -> Problem {
    match error {
        QuoteError::Unknown(faults) => Problem::invalid(faults),
        QuoteError::TotalDiffers { stated, computed } => {
            let detail = format!("is {stated}, but the catalogue's prices come to {computed}");
            let fault = Violation::new("#/totalAmount", Rule::TotalDiffers, detail);
            Problem { errors: vec![fault], ..Problem::new(ProblemKind::TotalDiffers, error.to_string()) }
        }
        QuoteError::TooMuch => {
            Problem::invalid(vec![Violation::new("#/items", Rule::AboveMaximum, error.to_string())])
        }
    }
}

fn illegal(order: &Order, change: Change) -> Problem {
    let detail = format!("the order is {} and cannot become {}", order.status, change.target());
    Problem::new(ProblemKind::IllegalChange, detail)
}

fn order_id(request: &Request) -> Result<OrderId, Problem> {
    let id = request.path_parameter("orderId");
    let id = id.ok_or_else(|| Problem::new(ProblemKind::NotFound, "there is no such order"))?;
    record_order_id(&id);
    Ok(id)
}

fn no_order(id: &OrderId) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("there is no order {id}"))
}

/// What ties a change to the request that made it, or else to its order.
fn cause(request: &Request, id: &OrderId) -> CorrelationId {
    request.correlation_id().unwrap_or_else(|| id.into())
}

fn fresh_order_id() -> Result<OrderId, Problem> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(Problem::internal)?;
    Ok(OrderId::from_time(unix_millis(), &random))
}
