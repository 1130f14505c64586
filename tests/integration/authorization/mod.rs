//! Authorization of each route. The callers are an anonymous client, another customer, the customer,
//! the fulfillment service and an administrator. API Gateway passes their verified claims to the function.

use api::AuthMode;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::OrderStatus;
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, HelloWorld, TestShop};

use crate::adjustments::{ADJUSTMENT, ADJUSTMENTS};

mod document;
mod records;

/// A request of customer 001, who has order 001 of the seed data.
const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;

/// The sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Anonymous,
    OtherCustomer,
    Customer,
    /// The customer, signed in with Cognito's API instead of OAuth.
    SignedIn,
    Fulfillment,
    Administrator,
    /// A user with the customer's name and a token without a scope of this API.
    OtherScope,
    /// An id token, which is not an access token.
    IdToken,
}

use Sender::{Administrator, Anonymous, Customer, Fulfillment, IdToken, OtherCustomer, OtherScope, SignedIn};

const SENDERS: [Sender; 8] =
    [Anonymous, OtherCustomer, Customer, SignedIn, Fulfillment, Administrator, OtherScope, IdToken];

impl Sender {
    fn claims(self) -> Option<Vec<(&'static str, &'static str)>> {
        let token = |scope, username| vec![("token_use", "access"), ("scope", scope), ("username", username)];
        match self {
            Anonymous => None,
            OtherCustomer => Some(token("openid orders/customer", "002")),
            Customer => Some(token("openid orders/customer", "001")),
            SignedIn => Some(token("aws.cognito.signin.user.admin", "001")),
            Fulfillment => Some(vec![("token_use", "access"), ("scope", "orders/fulfilment")]),
            Administrator => Some(vec![("token_use", "access"), ("scope", "orders/admin")]),
            OtherScope => Some(token("openid", "001")),
            IdToken => Some(vec![("token_use", "id"), ("cognito:username", "001"), ("username", "001")]),
        }
    }

    fn authenticate(self, request: ApiRequest) -> ApiRequest {
        match self.claims() {
            Some(claims) => request.claims(claims),
            None => request,
        }
    }
}

/// Returns the body of a request for an order of a customer.
fn order_of(customer: &str) -> String {
    format!(r#"{{"customerId":"{customer}","items":[{{"productId":"001","quantity":1}}]}}"#)
}

fn place(body: &str) -> ApiRequest {
    ApiRequest::post("/order").json(body)
}

fn show(id: &str) -> ApiRequest {
    ApiRequest::get("/order/{orderId}").path("orderId", id)
}

fn change(action: &str, id: &str) -> ApiRequest {
    ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id)
}

fn list(customer: &str) -> ApiRequest {
    ApiRequest::get("/customers/{customerId}/orders").path("customerId", customer)
}

fn list_to_ship() -> ApiRequest {
    ApiRequest::get("/orders").query("status", "Confirmed")
}

/// Returns a shop where order 001, of customer 001, has this status.
async fn shop_with_order_in(status: OrderStatus) -> TestShop {
    let shop = TestShop::seeded().await;
    let mut order = shop.order("001").await.unwrap();
    order.status = status;
    shop.put_order(&order).await;
    shop
}

/// Returns the status code, and the problem type of an error.
fn outcome(response: &ApiResponse) -> (u16, String) {
    if response.status < 400 { (response.status, String::new()) } else { response.problem() }
}

fn problem(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

/// Sends a request from every sender, each in a new shop, and compares the outcome. A rejected
/// request must not write anything.
async fn assert_outcomes(request: ApiRequest, from: OrderStatus, expected: impl Fn(Sender) -> (u16, String)) {
    for sender in SENDERS {
        let shop = shop_with_order_in(from).await;
        let before = shop.snapshot().await;
        let response = send(&shop, &sender.authenticate(request.clone())).await;
        assert_eq!(outcome(&response), expected(sender), "{sender:?}: {response:?}");
        if response.status >= 400 {
            assert_eq!(shop.snapshot().await, before, "the rejected request of {sender:?} changed an item");
        }
    }
}

/// Sends a request to the function that serves its route on a closed API.
async fn send(shop: &TestShop, request: &ApiRequest) -> ApiResponse {
    let event: Value = serde_json::from_str(request.invocation().payload.get()).unwrap();
    match event["resource"].as_str().unwrap() {
        "/hello" => request.send(&HelloWorld(AuthMode::Cognito)).await,
        resource if resource.starts_with("/inventory") => {
            request.send(&shop.inventory_service_for(AuthMode::Cognito)).await
        }
        _ => request.send(&shop.order_service_for(AuthMode::Cognito)).await,
    }
}

/// Returns the outcome for senders that may not access orders at all.
fn without_access(sender: Sender) -> (u16, String) {
    match sender {
        Anonymous | IdToken => problem(401, "unauthorized"),
        _ => problem(403, "forbidden"),
    }
}

#[tokio::test]
async fn only_the_customer_can_place_an_order() {
    let expected = |sender| match sender {
        Customer | SignedIn => (201, String::new()),
        _ => without_access(sender),
    };
    assert_outcomes(place(ORDER), OrderStatus::Placed, expected).await;
}

#[tokio::test]
async fn shows_an_order_only_to_its_customer_and_fulfillment() {
    let expected = |sender| match sender {
        Customer | SignedIn | Fulfillment => (200, String::new()),
        OtherCustomer => problem(404, "not-found"),
        _ => without_access(sender),
    };
    assert_outcomes(show("001"), OrderStatus::Placed, expected).await;
}

#[tokio::test]
async fn only_the_customer_can_cancel_an_order() {
    let expected = |sender| match sender {
        Customer | SignedIn => (200, String::new()),
        OtherCustomer => problem(404, "not-found"),
        _ => without_access(sender),
    };
    for from in [OrderStatus::Placed, OrderStatus::Confirmed, OrderStatus::Canceled] {
        assert_outcomes(change("cancel", "001"), from, expected).await;
    }
    let too_late = |sender| match sender {
        Customer | SignedIn => problem(409, "illegal-change"),
        _ => expected(sender),
    };
    assert_outcomes(change("cancel", "001"), OrderStatus::Shipped, too_late).await;
}

#[tokio::test]
async fn only_fulfillment_can_ship_and_deliver() {
    let expected = |sender| match sender {
        Fulfillment => (200, String::new()),
        _ => without_access(sender),
    };
    assert_outcomes(change("ship", "001"), OrderStatus::Confirmed, expected).await;
    assert_outcomes(change("deliver", "001"), OrderStatus::Shipped, expected).await;
}

#[tokio::test]
async fn only_fulfillment_can_list_the_orders_to_ship() {
    let expected = |sender| match sender {
        Fulfillment => (200, String::new()),
        _ => without_access(sender),
    };
    assert_outcomes(list_to_ship(), OrderStatus::Confirmed, expected).await;
    // The scope is checked before the query parameters.
    let invalid = |sender| match sender {
        Fulfillment => problem(422, "invalid"),
        _ => without_access(sender),
    };
    assert_outcomes(ApiRequest::get("/orders"), OrderStatus::Confirmed, invalid).await;
}

#[tokio::test]
async fn only_the_customer_can_list_the_customers_orders() {
    let expected = |sender| match sender {
        Customer | SignedIn => (200, String::new()),
        _ => without_access(sender),
    };
    assert_outcomes(list("001"), OrderStatus::Placed, expected).await;
}

#[tokio::test]
async fn only_an_administrator_can_manage_stock() {
    let expected = |status| {
        move |sender| match sender {
            Administrator => (status, String::new()),
            _ => without_access(sender),
        }
    };
    let of_stock = |request: ApiRequest| request.path("productId", "001").path("adjustmentId", "opening-001");
    let adjustment = ApiRequest::post(ADJUSTMENTS).header("Idempotency-Key", "key-1");
    let adjustment = adjustment.json(r#"{"delta":1,"reason":"counted"}"#);
    let reorder_point = ApiRequest::new("PATCH", "/inventory/{productId}").json(r#"{"reorderPoint":1}"#);
    for (request, status) in [
        (adjustment, 201),
        (reorder_point, 200),
        (ApiRequest::get(ADJUSTMENTS), 200),
        (ApiRequest::get(ADJUSTMENT), 200),
    ] {
        assert_outcomes(of_stock(request), OrderStatus::Placed, expected(status)).await;
    }
}

#[tokio::test]
async fn does_not_reveal_to_others_which_products_are_in_stock() {
    let shop = TestShop::seeded().await;
    for product in ["001", "404", "invalid id"] {
        for request in [ApiRequest::get(ADJUSTMENTS), ApiRequest::post(ADJUSTMENTS).json("{")] {
            let request = Fulfillment.authenticate(request.path("productId", product));
            assert_eq!(send(&shop, &request).await.problem(), problem(403, "forbidden"));
        }
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}), "a rejected request reads nothing");
}

#[tokio::test]
async fn serves_catalog_stock_and_greeting_to_every_access_token() {
    let shop = TestShop::seeded().await;
    let (orders, inventory) =
        (shop.order_service_for(AuthMode::Cognito), shop.inventory_service_for(AuthMode::Cognito));
    for sender in SENDERS {
        let stock = ApiRequest::get("/inventory/{productId}").path("productId", "001");
        let responses = [
            sender.authenticate(ApiRequest::get("/products")).send(&orders).await,
            sender
                .authenticate(ApiRequest::get("/products/{productId}").path("productId", "001"))
                .send(&orders)
                .await,
            sender.authenticate(stock).send(&inventory).await,
            sender.authenticate(ApiRequest::get("/inventory")).send(&inventory).await,
            sender.authenticate(ApiRequest::get("/hello")).send(&HelloWorld(AuthMode::Cognito)).await,
        ];
        let expected = match sender {
            Anonymous | IdToken => problem(401, "unauthorized"),
            _ => (200, String::new()),
        };
        for response in responses {
            assert_eq!(outcome(&response), expected, "{sender:?}: {response:?}");
        }
    }
}

#[tokio::test]
async fn an_open_api_ignores_claims() {
    for sender in SENDERS {
        let shop = TestShop::seeded().await;
        let orders = shop.order_service();
        let placed = sender.authenticate(place(ORDER)).send(&orders).await;
        assert_eq!(placed.status, 201, "{sender:?}");
        let id = placed.json()["orderId"].as_str().unwrap().to_owned();
        for request in [show(&id), list("001"), change("cancel", &id)] {
            assert_eq!(sender.authenticate(request).send(&orders).await.status, 200, "{sender:?}");
        }
        let hello = sender.authenticate(ApiRequest::get("/hello")).send(&HelloWorld(AuthMode::Open)).await;
        assert_eq!((hello.status, hello.body.as_str()), (200, r#"{"message":"hello world"}"#));
    }
}

#[tokio::test]
async fn does_not_reveal_that_another_customers_order_exists() {
    let shop = shop_with_order_in(OrderStatus::Placed).await;
    let orders = shop.order_service_for(AuthMode::Cognito);
    for request in [show as fn(&str) -> ApiRequest, |id| change("cancel", id)] {
        let existing = OtherCustomer.authenticate(request("001")).send(&orders).await;
        let unknown = OtherCustomer.authenticate(request("404")).send(&orders).await;
        assert_eq!(existing.body.replace("001", "404"), unknown.body);
        assert_eq!(existing.problem(), unknown.problem());
    }
    // A page token with the position of another customer's order reveals no more than an unknown one.
    let page = |id: &str| {
        let position = format!("2025-01-01T00:00:00.000Z#{id}");
        list("002").query("nextToken", &BASE64_URL_SAFE_NO_PAD.encode(position))
    };
    let existing = OtherCustomer.authenticate(page("001")).send(&orders).await;
    let unknown = OtherCustomer.authenticate(page("404")).send(&orders).await;
    assert_eq!((existing.status, existing.body), (200, unknown.body));
}

#[tokio::test]
async fn does_not_reveal_that_another_customer_exists() {
    let shop = TestShop::seeded().await;
    let orders = shop.order_service_for(AuthMode::Cognito);
    let requests = [list("001"), list("404"), place(ORDER), place(&order_of("404"))];
    for request in requests {
        let response = OtherCustomer.authenticate(request).send(&orders).await;
        assert_eq!(response.problem(), problem(403, "forbidden"), "{response:?}");
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}), "a rejected request reads nothing");
}

#[tokio::test]
async fn does_not_take_the_caller_from_headers_body_or_query() {
    let shop = shop_with_order_in(OrderStatus::Placed).await;
    let orders = shop.order_service_for(AuthMode::Cognito);
    let before = shop.snapshot().await;
    let with_false_claims = |request: ApiRequest| {
        request
            .header("username", "001")
            .header("x-customer-id", "001")
            .header("Authorization", "001")
            .query("username", "001")
            .query("scope", "orders/customer orders/fulfilment")
    };
    for request in [show("001"), list("001"), place(ORDER), change("cancel", "001"), change("ship", "001")] {
        let anonymous = with_false_claims(request.clone()).send(&orders).await;
        assert_eq!(anonymous.problem(), problem(401, "unauthorized"));
        let other = OtherCustomer.authenticate(with_false_claims(request)).send(&orders).await;
        assert!(matches!(other.status, 403 | 404), "{other:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn authorizes_without_an_extra_call() {
    let shop = shop_with_order_in(OrderStatus::Confirmed).await;
    let orders = shop.order_service_for(AuthMode::Cognito);
    assert_eq!(Customer.authenticate(place(ORDER)).send(&orders).await.status, 201);
    let placing = json!({"BatchGetItem": 1, "PutItem": 1});
    assert_eq!(json!(shop.proxy.calls_by_operation()), placing);
    for (sender, action) in
        [(OtherCustomer, "cancel"), (Customer, "cancel"), (Anonymous, "cancel"), (Anonymous, "ship")]
    {
        shop.proxy.reset();
        sender.authenticate(change(action, "001")).send(&orders).await;
        let expected = if sender == Anonymous { json!({}) } else { json!({"UpdateItem": 1}) };
        assert_eq!(json!(shop.proxy.calls_by_operation()), expected, "{sender:?}");
    }
}

#[tokio::test]
async fn separates_the_idempotency_keys_of_two_customers() {
    let shop = TestShop::seeded().await;
    let orders = shop.order_service_for(AuthMode::Cognito);
    let place_order = async |sender: Sender, customer: &str| {
        let request = place(&order_of(customer)).header("Idempotency-Key", "key-1");
        let response = sender.authenticate(request).send(&orders).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()["orderId"].as_str().unwrap().to_owned()
    };
    let (one, two) = (place_order(Customer, "001").await, place_order(OtherCustomer, "002").await);
    assert_ne!(one, two);
    assert_eq!(place_order(Customer, "001").await, one);
}

#[test]
fn every_route_of_a_closed_api_requires_a_token_and_an_api_key() {
    let secured = test_support::operation_security();
    let routes: Vec<&String> = secured.keys().collect();
    assert_eq!(routes, test_support::api_routes().iter().collect::<Vec<_>>());
    for (route, security) in &secured {
        let closed = json!([{"Token": ["Scopes", "Any", "One"]}, {"ApiKey": []}]);
        assert_eq!(security, &json!(["ApiIsClosed", closed, "AWS::NoValue"]), "{route}");
    }
}

#[test]
fn an_update_of_the_api_is_deployed_to_its_stage() {
    assert_eq!(test_support::api_resource()["AlwaysDeploy"], true);
}
