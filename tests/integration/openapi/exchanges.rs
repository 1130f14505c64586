//! Requests to every route for every documented response.

use api::AuthMode;
use api::request::MAX_BODY_BYTES;
use domain::{OrderStatus, Quantity};
use serde_json::Value;
use test_support::{ApiRequest, ApiResponse, AwsError, HelloWorld, TestShop, invocation};

use super::document::Route;
use super::record_exchanges::{change_customers_and_products, record_requests};
use super::{
    ADDITION, ADJUSTMENT, ADJUSTMENTS, CANCEL, DELIVER, HELLO, INVENTORY, ORDER, ORDERS, PLACE, PRODUCT,
    PRODUCTS, SHIP, SHOW, STOCK, TO_SHIP,
};

/// Requests by route, with their responses.
#[derive(Default)]
pub(super) struct Exchanges(Vec<(Route, ApiResponse)>);

impl Exchanges {
    pub(super) async fn send(
        &mut self,
        shop: &TestShop,
        auth_mode: AuthMode,
        request: ApiRequest,
    ) -> ApiResponse {
        let event: Value = serde_json::from_str(request.invocation().payload.get()).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let route = (text("httpMethod").to_lowercase(), text("resource"));
        let response = match route.1.as_str() {
            HELLO => request.send(&HelloWorld(auth_mode)).await,
            INVENTORY | STOCK | ADJUSTMENTS | ADJUSTMENT => {
                request.send(&shop.inventory_service_for(auth_mode)).await
            }
            _ => request.send(&shop.order_service_for(auth_mode)).await,
        };
        self.0.push((route, response.clone()));
        response
    }

    pub(super) async fn expect(&mut self, shop: &TestShop, request: ApiRequest, status: u16) -> ApiResponse {
        let response = self.send(shop, AuthMode::Open, request).await;
        assert_eq!(response.status, status, "{response:?}");
        response
    }
}

fn place(body: &str) -> ApiRequest {
    ApiRequest::post(PLACE).json(body)
}

pub(super) fn get(route: &str, id: &str) -> ApiRequest {
    with_path_parameter(ApiRequest::get(route), route, id)
}

fn to_ship() -> ApiRequest {
    ApiRequest::get(TO_SHIP).query("status", "Confirmed")
}

fn post(route: &str, id: &str) -> ApiRequest {
    with_path_parameter(ApiRequest::post(route), route, id)
}

pub(super) fn with_path_parameter(request: ApiRequest, route: &str, id: &str) -> ApiRequest {
    let parameter = route.split(['{', '}']).nth(1).unwrap();
    request.path(parameter, id)
}

/// Stores a changed copy of the seeded order.
async fn store(shop: &TestShop, id: &str, change: impl FnOnce(&mut domain::Order)) {
    let mut order = shop.order("001").await.unwrap();
    order.id = id.parse().unwrap();
    change(&mut order);
    shop.put_order(&order).await;
}

/// Sends requests for every documented response of every route.
pub(super) async fn send_all_requests() -> Vec<(Route, ApiResponse)> {
    let mut all = Exchanges::default();
    let shop = TestShop::seeded().await;
    all.expect(&shop, ApiRequest::get(HELLO), 200).await;
    request_orders(&mut all, &shop).await;
    change_orders(&mut all, &shop).await;
    ship_orders(&mut all, &shop).await;
    request_products_and_stock(&mut all, &shop).await;
    change_stock(&mut all, &shop).await;
    change_customers_and_products(&mut all, &shop).await;
    send_unauthorized_requests(&mut all, &shop).await;
    send_while_throttled(&mut all).await;
    request_undecodable_order(&mut all, &shop).await;
    all.0
}

async fn request_orders(all: &mut Exchanges, shop: &TestShop) {
    all.expect(shop, place(ORDER).header("X-Correlation-Id", "c-1"), 201).await;
    let with_total = |total: &str| place(&ORDER.replace("]}", &format!(r#"],"totalAmount":{total}}}"#)));
    all.expect(shop, with_total("359.97"), 201).await;
    let with_key = |body: &str| place(body).header("Idempotency-Key", "key-1");
    all.expect(shop, with_key(ORDER), 201).await;
    all.expect(shop, with_key(ORDER), 201).await;
    all.expect(shop, with_key(&ORDER.replace(":2", ":3")), 422).await;
    all.expect(shop, place("{"), 400).await;
    all.expect(shop, place(&" ".repeat(MAX_BODY_BYTES + 1)), 413).await;
    all.expect(shop, ApiRequest::post(PLACE).header("Content-Type", "text/plain").body(ORDER), 415).await;
    all.expect(shop, with_total("1"), 409).await;
    all.expect(shop, place(r#"{"items":[],"x":1}"#), 422).await;
    all.expect(shop, place(&ORDER.replace("\"00", "\"40")), 422).await;

    let shortage = domain::Shortage {
        product_id: "001".parse().unwrap(),
        requested: Quantity::new(9).unwrap(),
        available: 0,
    };
    store(shop, "short", |order| (order.status, order.shortages) = (OrderStatus::Rejected, vec![shortage]))
        .await;
    store(shop, "without-price", |order| {
        order.total_amount = None;
        order.items.iter_mut().for_each(|item| item.unit_price = None);
    })
    .await;
    for (id, status) in
        [("001", 200), ("short", 200), ("without-price", 200), ("404", 404), ("invalid id", 404)]
    {
        all.expect(shop, get(SHOW, id), status).await;
    }
    let orders = |limit: &str| get(ORDERS, "001").query("limit", limit);
    let first = all.expect(shop, orders("1"), 200).await;
    let next = first.json()["nextToken"].as_str().unwrap().to_owned();
    all.expect(shop, orders("100").query("nextToken", &next), 200).await;
    all.expect(shop, orders("101"), 422).await;
    all.expect(shop, get(ORDERS, "404"), 404).await;
}

async fn change_orders(all: &mut Exchanges, shop: &TestShop) {
    for (route, from) in
        [(CANCEL, OrderStatus::Placed), (SHIP, OrderStatus::Confirmed), (DELIVER, OrderStatus::Shipped)]
    {
        store(shop, "change", |order| order.status = from).await;
        all.expect(shop, post(route, "change"), 200).await;
        all.expect(shop, post(route, "change"), 200).await;
        all.expect(shop, post(route, "404"), 404).await;
        store(shop, "change", |order| order.status = OrderStatus::Rejected).await;
        all.expect(shop, post(route, "change"), 409).await;
    }
}

async fn ship_orders(all: &mut Exchanges, shop: &TestShop) {
    let shipment = r#"{"carrier":"DHL","trackingNumber":"JD014600003RU"}"#;
    for id in ["ship-1", "ship-2"] {
        let order = domain::Order { id: id.parse().unwrap(), ..shop.order("001").await.unwrap() };
        let event = domain::OutboxEvent::new(
            &order.id,
            domain::EventKind::Confirmed,
            order.created_at,
            "c-1".parse().unwrap(),
        );
        shop.put_stored_order(&dynamodb::StoredOrder::confirmed(order, event)).await;
    }
    let first = all.expect(shop, to_ship().query("limit", "1"), 200).await;
    let next = first.json()["nextToken"].as_str().unwrap().to_owned();
    all.expect(shop, to_ship().query("nextToken", &next), 200).await;
    all.expect(shop, to_ship().query("nextToken", "?"), 422).await;
    all.expect(shop, ApiRequest::get(TO_SHIP), 422).await;

    all.expect(shop, post(SHIP, "ship-1").json(shipment), 200).await;
    all.expect(shop, post(SHIP, "ship-1").json(r#"{"carrier":"UPS"}"#), 409).await;
    all.expect(shop, get(SHOW, "ship-1"), 200).await;
    all.expect(shop, post(SHIP, "ship-2").json(r#"{"carrier":""}"#), 422).await;
    all.expect(shop, post(SHIP, "ship-2").json("{"), 400).await;
    all.expect(shop, post(SHIP, "ship-2").json(" ".repeat(MAX_BODY_BYTES + 1)), 413).await;
    all.expect(shop, post(SHIP, "ship-2").header("Content-Type", "text/plain").body(shipment), 415).await;
}

async fn request_products_and_stock(all: &mut Exchanges, shop: &TestShop) {
    let first = all.expect(shop, ApiRequest::get(PRODUCTS).query("limit", "1"), 200).await;
    let next = first.json()["nextToken"].as_str().unwrap().to_owned();
    all.expect(shop, ApiRequest::get(PRODUCTS).query("nextToken", &next), 200).await;
    all.expect(shop, ApiRequest::get(PRODUCTS).query("nextToken", "?"), 422).await;
    for route in [PRODUCT, STOCK] {
        all.expect(shop, get(route, "001"), 200).await;
        all.expect(shop, get(route, "404"), 404).await;
    }
}

fn adjust(product: &str, key: &str, body: &str) -> ApiRequest {
    post(ADJUSTMENTS, product).header("Idempotency-Key", key).json(body)
}

fn adjustment(product: &str, id: &str) -> ApiRequest {
    get(ADJUSTMENT, product).path("adjustmentId", id)
}

fn patch(product: &str, body: &str) -> ApiRequest {
    with_path_parameter(ApiRequest::new("PATCH", STOCK), STOCK, product).json(body)
}

async fn change_stock(all: &mut Exchanges, shop: &TestShop) {
    all.expect(shop, adjust("001", "key-1", ADDITION), 201).await;
    all.expect(shop, adjust("001", "key-1", ADDITION), 201).await;
    all.expect(shop, adjust("001", "key-1", &ADDITION.replace("10", "11")), 422).await;
    all.expect(shop, adjust("001", "key-2", r#"{"delta":-1000000,"reason":"lost"}"#), 409).await;
    all.expect(shop, adjust("001", "key-2", r#"{"delta":0,"reason":"x","x":1}"#), 422).await;
    all.expect(shop, post(ADJUSTMENTS, "001").json(ADDITION), 422).await;
    all.expect(shop, adjust("404", "key-1", ADDITION), 404).await;
    all.expect(shop, patch("001", r#"{"reorderPoint":20}"#), 200).await;
    all.expect(shop, patch("002", r#"{"reorderPoint":0}"#), 200).await;
    all.expect(shop, patch("001", r#"{"reorderPoint":-1}"#), 422).await;
    all.expect(shop, patch("404", r#"{"reorderPoint":1}"#), 404).await;
    for request in [adjust("001", "key-3", ""), patch("001", "")] {
        let huge = " ".repeat(MAX_BODY_BYTES + 1);
        all.expect(shop, request.clone().body("{"), 400).await;
        all.expect(shop, request.clone().body(huge), 413).await;
        all.expect(shop, request.header("Content-Type", "text/plain"), 415).await;
    }

    let receipt = r#"{"receiptId":"r-1","productId":"001","quantity":1,"reason":"received"}"#;
    shop.inventory_service().handle(invocation::stock_received(receipt)).await.unwrap();
    let lists = [(ApiRequest::get(INVENTORY), "invalid"), (get(ADJUSTMENTS, "001"), "001")];
    for (list, invalid_token) in lists {
        let first = all.expect(shop, list.clone().query("limit", "1"), 200).await;
        let next = first.json()["nextToken"].as_str().unwrap().to_owned();
        all.expect(shop, list.clone().query("nextToken", &next), 200).await;
        all.expect(shop, list.query("nextToken", invalid_token), 422).await;
    }
    all.expect(shop, get(ADJUSTMENTS, "404"), 404).await;
    let adjustments = all.expect(shop, get(ADJUSTMENTS, "001"), 200).await.json();
    for entry in adjustments["adjustments"].as_array().unwrap() {
        all.expect(shop, adjustment("001", entry["adjustmentId"].as_str().unwrap()), 200).await;
    }
    all.expect(shop, adjustment("001", "404"), 404).await;
}

/// Sends anonymous requests to each route, and requests with an insufficient scope to the routes of
/// orders.
async fn send_unauthorized_requests(all: &mut Exchanges, shop: &TestShop) {
    let open_to_every_token = [
        ApiRequest::get(HELLO),
        ApiRequest::get(PRODUCTS),
        get(PRODUCT, "001"),
        ApiRequest::get(INVENTORY),
        get(STOCK, "001"),
    ];
    let restricted = [
        place(ORDER),
        get(SHOW, "001"),
        post(CANCEL, "001"),
        post(SHIP, "001"),
        post(DELIVER, "001"),
        to_ship(),
        get(ORDERS, "001"),
        adjust("001", "key-1", ADDITION),
        get(ADJUSTMENTS, "001"),
        adjustment("001", "opening-001"),
        patch("001", r#"{"reorderPoint":1}"#),
    ];
    let restricted = || restricted.iter().cloned().chain(record_requests());
    for request in open_to_every_token.into_iter().chain(restricted()) {
        let response = all.send(shop, AuthMode::Cognito, request).await;
        assert_eq!(response.problem(), (401, "unauthorized".into()));
    }
    for request in restricted() {
        let with_other_scope = request.claims([("token_use", "access"), ("scope", "openid")]);
        let response = all.send(shop, AuthMode::Cognito, with_other_scope).await;
        assert_eq!(response.problem(), (403, "forbidden".into()));
    }
}

/// Sends requests to each route while DynamoDB throttles all calls.
async fn send_while_throttled(all: &mut Exchanges) {
    let shop = TestShop::seeded().await;
    for operation in [
        "BatchGetItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactWriteItems",
        "UpdateItem",
    ] {
        shop.proxy.on(operation).always().fail(AwsError::throttled());
    }
    let stock = [
        ApiRequest::get(INVENTORY),
        adjust("001", "key-1", ADDITION),
        get(ADJUSTMENTS, "001"),
        adjustment("001", "opening-001"),
        patch("001", r#"{"reorderPoint":1}"#),
    ];
    let others = [place(ORDER), to_ship(), ApiRequest::get(PRODUCTS)];
    for request in others.into_iter().chain(stock).chain(record_requests()) {
        all.expect(&shop, request, 503).await;
    }
    for route in [SHOW, ORDERS, PRODUCT, STOCK] {
        all.expect(&shop, get(route, "001"), 503).await;
    }
    for route in [CANCEL, SHIP, DELIVER] {
        all.expect(&shop, post(route, "001"), 503).await;
    }
}

/// Requests an order that cannot be decoded.
async fn request_undecodable_order(all: &mut Exchanges, shop: &TestShop) {
    let mut item = shop.order_item("001").await.unwrap();
    item.remove("Items");
    item.remove("OrderStatus");
    shop.put(&shop.tables.orders, item).await;
    all.expect(shop, get(SHOW, "001"), 500).await;
}
