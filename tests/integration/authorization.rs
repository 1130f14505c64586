//! Who may do what, on the functions themselves: each route, called by nobody,
//! another customer, the customer, and the fulfilment service, with the claims
//! as API Gateway hands them over.

use domain::OrderStatus;
use lambda_support::Access;
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, HelloWorld, TestShop};

use crate::openapi_document::Document;

/// The customer of the seed's order 001 orders again.
const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Nobody,
    OtherCustomer,
    Customer,
    /// The customer again, signed in with Cognito's API instead of OAuth.
    SignedIn,
    Fulfilment,
    /// A token with no scope of ours, of a user named like the customer.
    Stranger,
    /// Not an access token, but one for the client itself to look at.
    IdToken,
}

use Sender::{Customer, Fulfilment, IdToken, Nobody, OtherCustomer, SignedIn, Stranger};

const SENDERS: [Sender; 7] = [Nobody, OtherCustomer, Customer, SignedIn, Fulfilment, Stranger, IdToken];

impl Sender {
    fn claims(self) -> Option<Vec<(&'static str, &'static str)>> {
        let token = |scope, username| vec![("token_use", "access"), ("scope", scope), ("username", username)];
        match self {
            Nobody => None,
            OtherCustomer => Some(token("openid orders/customer", "002")),
            Customer => Some(token("openid orders/customer", "001")),
            SignedIn => Some(token("aws.cognito.signin.user.admin", "001")),
            Fulfilment => Some(vec![("token_use", "access"), ("scope", "orders/fulfilment")]),
            Stranger => Some(token("openid", "001")),
            IdToken => Some(vec![("token_use", "id"), ("cognito:username", "001"), ("username", "001")]),
        }
    }

    fn sends(self, request: ApiRequest) -> ApiRequest {
        match self.claims() {
            Some(claims) => request.claims(claims),
            None => request,
        }
    }
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

/// A shop whose order 001, of customer 001, has come to a status.
async fn shop_with(status: OrderStatus) -> TestShop {
    let shop = TestShop::seeded().await;
    let mut order = shop.order("001").await.unwrap();
    order.status = status;
    shop.put_order(&order).await;
    shop
}

/// Status, and for a refusal its kind.
fn outcome(response: &ApiResponse) -> (u16, String) {
    if response.status < 400 { (response.status, String::new()) } else { response.problem() }
}

fn refusal(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

/// Sends a request as everybody, each in a shop of their own, and compares what
/// comes of it. A refusal must not have written anything.
async fn assert_outcomes(request: ApiRequest, from: OrderStatus, expected: impl Fn(Sender) -> (u16, String)) {
    for sender in SENDERS {
        let shop = shop_with(from).await;
        let before = shop.snapshot().await;
        let response = sender.sends(request.clone()).send(&shop.order_service_for(Access::Cognito)).await;
        assert_eq!(outcome(&response), expected(sender), "{sender:?}: {response:?}");
        if response.status >= 400 {
            assert_eq!(shop.snapshot().await, before, "{sender:?} was refused, and something was written");
        }
    }
}

/// The outcome for those that no route lets do anything with orders.
fn without_rights(sender: Sender) -> (u16, String) {
    match sender {
        Nobody | IdToken => refusal(401, "unauthorized"),
        _ => refusal(403, "forbidden"),
    }
}

#[tokio::test]
async fn only_the_customer_places_an_order() {
    let expected = |sender| match sender {
        Customer | SignedIn => (201, String::new()),
        _ => without_rights(sender),
    };
    assert_outcomes(place(ORDER), OrderStatus::Placed, expected).await;
}

#[tokio::test]
async fn an_order_is_shown_to_its_customer_and_to_fulfilment_and_to_others_as_if_there_were_none() {
    let expected = |sender| match sender {
        Customer | SignedIn | Fulfilment => (200, String::new()),
        OtherCustomer => refusal(404, "not-found"),
        _ => without_rights(sender),
    };
    assert_outcomes(show("001"), OrderStatus::Placed, expected).await;
}

#[tokio::test]
async fn only_the_customer_cancels_an_order_and_for_others_there_is_none() {
    let expected = |sender| match sender {
        Customer | SignedIn => (200, String::new()),
        OtherCustomer => refusal(404, "not-found"),
        _ => without_rights(sender),
    };
    for from in [OrderStatus::Placed, OrderStatus::Confirmed, OrderStatus::Canceled] {
        assert_outcomes(change("cancel", "001"), from, expected).await;
    }
    let too_late = |sender| match sender {
        Customer | SignedIn => refusal(409, "illegal-change"),
        _ => expected(sender),
    };
    assert_outcomes(change("cancel", "001"), OrderStatus::Shipped, too_late).await;
}

#[tokio::test]
async fn only_fulfilment_ships_and_delivers() {
    let expected = |sender| match sender {
        Fulfilment => (200, String::new()),
        _ => without_rights(sender),
    };
    assert_outcomes(change("ship", "001"), OrderStatus::Confirmed, expected).await;
    assert_outcomes(change("deliver", "001"), OrderStatus::Shipped, expected).await;
}

#[tokio::test]
async fn only_the_customer_lists_that_customers_orders() {
    let expected = |sender| match sender {
        Customer | SignedIn => (200, String::new()),
        _ => without_rights(sender),
    };
    assert_outcomes(list("001"), OrderStatus::Placed, expected).await;
}

#[tokio::test]
async fn catalogue_and_greeting_are_for_every_access_token() {
    let shop = TestShop::seeded().await;
    let (orders, inventory) =
        (shop.order_service_for(Access::Cognito), shop.inventory_service_for(Access::Cognito));
    for sender in SENDERS {
        let stock = ApiRequest::get("/inventory/{productId}").path("productId", "001");
        let responses = [
            sender.sends(ApiRequest::get("/products")).send(&orders).await,
            sender
                .sends(ApiRequest::get("/products/{productId}").path("productId", "001"))
                .send(&orders)
                .await,
            sender.sends(stock).send(&inventory).await,
            sender.sends(ApiRequest::get("/hello")).send(&HelloWorld(Access::Cognito)).await,
        ];
        let expected = match sender {
            Nobody | IdToken => refusal(401, "unauthorized"),
            _ => (200, String::new()),
        };
        for response in responses {
            assert_eq!(outcome(&response), expected, "{sender:?}: {response:?}");
        }
    }
}

#[tokio::test]
async fn an_open_api_serves_everybody_whatever_they_claim() {
    for sender in SENDERS {
        let shop = TestShop::seeded().await;
        let orders = shop.order_service();
        let placed = sender.sends(place(ORDER)).send(&orders).await;
        assert_eq!(placed.status, 201, "{sender:?}");
        let id = placed.json()["orderId"].as_str().unwrap().to_owned();
        for request in [show(&id), list("001"), change("cancel", &id)] {
            assert_eq!(sender.sends(request).send(&orders).await.status, 200, "{sender:?}");
        }
        let hello = sender.sends(ApiRequest::get("/hello")).send(&HelloWorld(Access::Open)).await;
        assert_eq!((hello.status, hello.body.as_str()), (200, r#"{"message":"hello world"}"#));
    }
}

#[tokio::test]
async fn nobody_learns_from_an_answer_whether_somebody_elses_order_exists() {
    let shop = shop_with(OrderStatus::Placed).await;
    let orders = shop.order_service_for(Access::Cognito);
    for request in [show as fn(&str) -> ApiRequest, |id| change("cancel", id)] {
        let theirs = OtherCustomer.sends(request("001")).send(&orders).await;
        let unknown = OtherCustomer.sends(request("404")).send(&orders).await;
        assert_eq!(theirs.body.replace("001", "404"), unknown.body);
        assert_eq!(theirs.problem(), unknown.problem());
    }
    // Nor from a page that would begin behind it.
    use base64::Engine as _;
    let page = |id: &str| list("002").query("nextToken", &base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(id));
    let theirs = OtherCustomer.sends(page("001")).send(&orders).await;
    let unknown = OtherCustomer.sends(page("404")).send(&orders).await;
    assert_eq!((theirs.status, theirs.body), (422, unknown.body));
}

#[tokio::test]
async fn a_customer_who_does_not_exist_cannot_be_told_from_one_who_does() {
    let shop = TestShop::seeded().await;
    let orders = shop.order_service_for(Access::Cognito);
    let responses =
        [list("001"), list("404"), place(ORDER), place(&ORDER.replace("\"001\",\"items", "\"404\",\"items"))];
    for request in responses {
        let response = OtherCustomer.sends(request).send(&orders).await;
        assert_eq!(response.problem(), refusal(403, "forbidden"), "{response:?}");
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}), "what is refused reads nothing");
}

#[tokio::test]
async fn headers_body_and_query_name_no_caller() {
    let shop = shop_with(OrderStatus::Placed).await;
    let orders = shop.order_service_for(Access::Cognito);
    let before = shop.snapshot().await;
    let posing = |request: ApiRequest| {
        let request =
            request.header("username", "001").header("x-customer-id", "001").header("Authorization", "001");
        request.query("username", "001").query("scope", "orders/customer orders/fulfilment")
    };
    for request in [show("001"), list("001"), place(ORDER), change("cancel", "001"), change("ship", "001")] {
        let nobody = posing(request.clone()).send(&orders).await;
        assert_eq!(nobody.problem(), refusal(401, "unauthorized"));
        let other = OtherCustomer.sends(posing(request)).send(&orders).await;
        assert!(matches!(other.status, 403 | 404), "{other:?}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn to_know_the_caller_costs_no_call() {
    let shop = shop_with(OrderStatus::Confirmed).await;
    let orders = shop.order_service_for(Access::Cognito);
    assert_eq!(Customer.sends(place(ORDER)).send(&orders).await.status, 201);
    let placing = json!({"BatchGetItem": 1, "PutItem": 1});
    assert_eq!(json!(shop.proxy.calls_by_operation()), placing);
    for (sender, action) in
        [(OtherCustomer, "cancel"), (Customer, "cancel"), (Nobody, "cancel"), (Nobody, "ship")]
    {
        shop.proxy.reset();
        sender.sends(change(action, "001")).send(&orders).await;
        let wanted = if sender == Nobody { json!({}) } else { json!({"UpdateItem": 1}) };
        assert_eq!(json!(shop.proxy.calls_by_operation()), wanted, "{sender:?}");
    }
}

#[tokio::test]
async fn a_key_that_two_customers_use_leads_each_to_an_order_of_their_own() {
    let shop = TestShop::seeded().await;
    let orders = shop.order_service_for(Access::Cognito);
    let placed = async |sender: Sender, customer: &str| {
        let body = ORDER.replace("\"001\",\"items", &format!("\"{customer}\",\"items"));
        let response = sender.sends(place(&body).header("Idempotency-Key", "key-1")).send(&orders).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()["orderId"].as_str().unwrap().to_owned()
    };
    let (one, two) = (placed(Customer, "001").await, placed(OtherCustomer, "002").await);
    assert_ne!(one, two);
    assert_eq!(placed(Customer, "001").await, one);
}

// What API Gateway is told

#[test]
fn every_route_asks_for_a_token_and_an_api_key_where_the_api_is_closed() {
    let secured = test_support::operation_security();
    let routes: Vec<&String> = secured.keys().collect();
    assert_eq!(routes, test_support::api_routes().iter().collect::<Vec<_>>());
    assert_eq!(routes.len(), 10);
    for (route, security) in &secured {
        let closed = json!([{"Token": ["Scopes", "Any", "One"]}, {"ApiKey": []}]);
        assert_eq!(security, &json!(["ApiIsClosed", closed, "AWS::NoValue"]), "{route}");
    }
}

#[test]
fn an_update_that_closes_the_api_reaches_its_stage() {
    assert_eq!(test_support::api_resource()["AlwaysDeploy"], true);
}

/// Whether the document says that a token with this scope opens an operation.
fn announced(document: &Document, operation: &Value, scope: &str) -> bool {
    let security = operation.get("security").unwrap_or_else(|| document.at("/security"));
    let mut tokens = security.as_array().unwrap().iter().filter_map(|one| {
        assert_eq!(one.get("accessToken").is_some(), one.get("apiKey").is_some(), "{one}");
        one.get("accessToken")?.as_array()
    });
    tokens.any(|scopes| scopes.is_empty() || scopes.contains(&json!(scope)))
}

#[tokio::test]
async fn the_document_says_which_scopes_open_which_operation() {
    let document = Document::read();
    for ((method, path), operation) in document.operations() {
        let request =
            if method == "get" { ApiRequest::get(&path) } else { ApiRequest::post(&path).json(ORDER) };
        let request = ["orderId", "customerId", "productId"]
            .into_iter()
            .fold(request, |request, name| request.path(name, "001"));
        for (sender, scope) in [(Customer, "orders/customer"), (Fulfilment, "orders/fulfilment")] {
            let shop = shop_with(OrderStatus::Placed).await;
            let request = sender.sends(request.clone());
            let response = match path.as_str() {
                "/hello" => request.send(&HelloWorld(Access::Cognito)).await,
                "/inventory/{productId}" => request.send(&shop.inventory_service_for(Access::Cognito)).await,
                _ => request.send(&shop.order_service_for(Access::Cognito)).await,
            };
            let opened = !matches!(response.status, 401 | 403 | 404);
            assert_eq!(
                opened,
                announced(&document, operation, scope),
                "{method} {path} {sender:?} {response:?}"
            );
        }
    }
}
