//! docs/openapi.yaml says what the API does: neither can change without the other.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::{
    CorrelationId, CustomerId, IdempotencyKey, Lines, Money, OrderId, OrderStatus, PlaceOrder, ProductId,
    Quantity, Rule, Violation,
};
use lambda_support::rest::MAX_BODY_BYTES;
use lambda_support::{Access, ProblemKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, AwsError, HelloWorld, TestShop};

use crate::openapi_document::{Document, Route};

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

/// Routes by what they do.
const HELLO: &str = "/hello";
const PLACE: &str = "/order";
const SHOW: &str = "/order/{orderId}";
const CANCEL: &str = "/order/{orderId}/cancel";
const SHIP: &str = "/order/{orderId}/ship";
const DELIVER: &str = "/order/{orderId}/deliver";
const ORDERS: &str = "/customers/{customerId}/orders";
const PRODUCTS: &str = "/products";
const PRODUCT: &str = "/products/{productId}";
const STOCK: &str = "/inventory/{productId}";

/// What clients asked, and what they got.
#[derive(Default)]
struct Exchanges(Vec<(Route, ApiResponse)>);

impl Exchanges {
    async fn send(&mut self, shop: &TestShop, access: Access, request: ApiRequest) -> ApiResponse {
        let event: Value = serde_json::from_str(request.invocation().payload.get()).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let route = (text("httpMethod").to_lowercase(), text("resource"));
        let response = match route.1.as_str() {
            HELLO => request.send(&HelloWorld(access)).await,
            STOCK => request.send(&shop.inventory_service_for(access)).await,
            _ => request.send(&shop.order_service_for(access)).await,
        };
        self.0.push((route, response.clone()));
        response
    }

    async fn expect(&mut self, shop: &TestShop, request: ApiRequest, status: u16) -> ApiResponse {
        let response = self.send(shop, Access::Open, request).await;
        assert_eq!(response.status, status, "{response:?}");
        response
    }
}

fn place(body: &str) -> ApiRequest {
    ApiRequest::post(PLACE).json(body)
}

fn get(route: &str, id: &str) -> ApiRequest {
    on(ApiRequest::get(route), route, id)
}

fn post(route: &str, id: &str) -> ApiRequest {
    on(ApiRequest::post(route), route, id)
}

fn on(request: ApiRequest, route: &str, id: &str) -> ApiRequest {
    let parameter = route.split(['{', '}']).nth(1).unwrap();
    request.path(parameter, id)
}

/// Stores the seed's order under another id and with another status.
async fn store(shop: &TestShop, id: &str, change: impl FnOnce(&mut domain::Order)) {
    let mut order = shop.order("001").await.unwrap();
    order.id = id.parse().unwrap();
    change(&mut order);
    shop.put_order(&order).await;
}

/// Asks every route for everything that it can say.
async fn ask_everything() -> Vec<(Route, ApiResponse)> {
    let mut all = Exchanges::default();
    let shop = TestShop::seeded().await;
    all.expect(&shop, ApiRequest::get(HELLO), 200).await;
    ask_for_orders(&mut all, &shop).await;
    ask_for_changes(&mut all, &shop).await;
    ask_for_the_catalogue(&mut all, &shop).await;
    ask_a_closed_api(&mut all, &shop).await;
    ask_while_busy(&mut all).await;
    ask_in_disorder(&mut all, &shop).await;
    all.0
}

async fn ask_for_orders(all: &mut Exchanges, shop: &TestShop) {
    all.expect(shop, place(ORDER).header("X-Correlation-Id", "c-1"), 201).await;
    all.expect(shop, place(&ORDER.replace("]}", r#"],"totalAmount":359.97}"#)), 201).await;
    let under_key = |body: &str| place(body).header("Idempotency-Key", "key-1");
    all.expect(shop, under_key(ORDER), 201).await;
    all.expect(shop, under_key(ORDER), 201).await;
    all.expect(shop, under_key(&ORDER.replace(":2", ":3")), 422).await;
    all.expect(shop, place("{"), 400).await;
    all.expect(shop, place(&" ".repeat(MAX_BODY_BYTES + 1)), 413).await;
    all.expect(shop, ApiRequest::post(PLACE).header("Content-Type", "text/plain").body(ORDER), 415).await;
    all.expect(shop, place(&ORDER.replace("]}", r#"],"totalAmount":1}"#)), 409).await;
    all.expect(shop, place(r#"{"items":[],"x":1}"#), 422).await;
    all.expect(shop, place(&ORDER.replace("\"00", "\"40")), 422).await;

    let shortage = domain::Shortage {
        product_id: "001".parse().unwrap(),
        requested: Quantity::new(9).unwrap(),
        available: 0,
    };
    store(shop, "short", |order| (order.status, order.shortages) = (OrderStatus::Rejected, vec![shortage]))
        .await;
    store(shop, "foreign", |order| {
        order.total_amount = None;
        order.items.iter_mut().for_each(|item| item.unit_price = None);
    })
    .await;
    for (id, status) in [("001", 200), ("short", 200), ("foreign", 200), ("404", 404), ("no such id", 404)] {
        all.expect(shop, get(SHOW, id), status).await;
    }
    let orders = |limit: &str| get(ORDERS, "001").query("limit", limit);
    let first = all.expect(shop, orders("1"), 200).await;
    let next = first.json()["nextToken"].as_str().unwrap().to_owned();
    all.expect(shop, orders("100").query("nextToken", &next), 200).await;
    all.expect(shop, orders("101"), 422).await;
    all.expect(shop, get(ORDERS, "404"), 404).await;
}

async fn ask_for_changes(all: &mut Exchanges, shop: &TestShop) {
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

async fn ask_for_the_catalogue(all: &mut Exchanges, shop: &TestShop) {
    let first = all.expect(shop, ApiRequest::get(PRODUCTS).query("limit", "1"), 200).await;
    let next = first.json()["nextToken"].as_str().unwrap().to_owned();
    all.expect(shop, ApiRequest::get(PRODUCTS).query("nextToken", &next), 200).await;
    all.expect(shop, ApiRequest::get(PRODUCTS).query("nextToken", "?"), 422).await;
    for route in [PRODUCT, STOCK] {
        all.expect(shop, get(route, "001"), 200).await;
        all.expect(shop, get(route, "404"), 404).await;
    }
}

/// Asks each route as nobody, and those of orders with a token that allows nothing.
async fn ask_a_closed_api(all: &mut Exchanges, shop: &TestShop) {
    let open = [ApiRequest::get(HELLO), ApiRequest::get(PRODUCTS), get(PRODUCT, "001"), get(STOCK, "001")];
    let guarded = [
        place(ORDER),
        get(SHOW, "001"),
        post(CANCEL, "001"),
        post(SHIP, "001"),
        post(DELIVER, "001"),
        get(ORDERS, "001"),
    ];
    for request in open.iter().chain(&guarded) {
        let response = all.send(shop, Access::Cognito, request.clone()).await;
        assert_eq!(response.problem(), (401, "unauthorized".into()));
    }
    for request in guarded {
        let request = request.claims([("token_use", "access"), ("scope", "openid")]);
        let response = all.send(shop, Access::Cognito, request).await;
        assert_eq!(response.problem(), (403, "forbidden".into()));
    }
}

/// Asks each route while DynamoDB throttles everything.
async fn ask_while_busy(all: &mut Exchanges) {
    let shop = TestShop::seeded().await;
    for operation in ["BatchGetItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"] {
        shop.proxy.on(operation).always().fail(AwsError::throttled());
    }
    for request in [place(ORDER), ApiRequest::get(PRODUCTS)] {
        all.expect(&shop, request, 503).await;
    }
    for route in [SHOW, ORDERS, PRODUCT, STOCK] {
        all.expect(&shop, get(route, "001"), 503).await;
    }
    for route in [CANCEL, SHIP, DELIVER] {
        all.expect(&shop, post(route, "001"), 503).await;
    }
}

async fn ask_in_disorder(all: &mut Exchanges, shop: &TestShop) {
    let mut item = shop.order_item("001").await.unwrap();
    item.remove("Items");
    item.remove("OrderStatus");
    shop.put(&shop.tables.orders, item).await;
    all.expect(shop, get(SHOW, "001"), 500).await;
}

#[tokio::test]
async fn every_answer_is_as_announced_and_every_announced_answer_is_given() {
    let document = Document::read().strict();
    let exchanges = ask_everything().await;
    for (route, response) in &exchanges {
        assert_eq!(document.differences(route, response), [""; 0], "{route:?} {response:?}");
    }

    let given: BTreeSet<_> =
        exchanges.iter().map(|(route, response)| (route.clone(), response.status)).collect();
    for (route, status, response) in document.responses() {
        let by_gateway = response.get("x-gateway-responses").is_some();
        assert!(by_gateway || given.contains(&(route.clone(), status)), "{route:?} never answers {status}");
    }
    let kinds: BTreeSet<_> = exchanges
        .iter()
        .filter_map(|(_, response)| response.json()["type"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(kinds, ProblemKind::ALL.map(ProblemKind::uri).into());
    every_title_is_that_of_the_example(&document, &exchanges);
    no_announced_field_is_missing_from_every_answer(&document, &exchanges);
}

fn every_title_is_that_of_the_example(document: &Document, exchanges: &[(Route, ApiResponse)]) {
    for (_, response) in exchanges {
        let body = response.json();
        if let Some((_, problem)) = problems(document).find(|(kind, _)| body["type"] == **kind) {
            assert_eq!(body["title"], problem["examples"][0]["title"]);
        }
    }
}

/// Without any one of its fields, the document announces some answer no more.
fn no_announced_field_is_missing_from_every_answer(document: &Document, exchanges: &[(Route, ApiResponse)]) {
    for (name, schema) in document.schemas() {
        if ["PlaceOrder", "Line"].contains(&name.as_str()) {
            continue; // what clients send
        }
        for field in schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys()) {
            let pointer = format!("/components/schemas/{name}/properties/{field}");
            let without = document.with(&pointer, false.into());
            let missed =
                exchanges.iter().any(|(route, response)| !without.differences(route, response).is_empty());
            assert!(missed || answered_by_gateway_alone(name), "no answer has the field {field} of {name}");
        }
    }
}

fn answered_by_gateway_alone(schema: &str) -> bool {
    ["TooManyRequests", "Refused", "Failed"].contains(&schema)
}

/// The schemas of problems, by their `type`.
fn problems(document: &Document) -> impl Iterator<Item = (&str, &Value)> {
    let of_kind = |schema: &'_ Value| schema["properties"]["type"]["const"].as_str().is_some();
    let schemas = document.schemas().values().filter(move |schema| of_kind(schema));
    schemas.map(|schema| (schema["properties"]["type"]["const"].as_str().unwrap(), schema))
}

#[test]
fn the_routes_are_those_that_are_deployed() {
    let document = Document::read();
    let name = |(method, path): Route| format!("{} {path}", method.to_uppercase());
    let announced: BTreeSet<_> = document.operations().map(|(route, _)| name(route)).collect();
    assert_eq!(announced, test_support::api_routes().into_iter().collect());
    let mut ids: Vec<_> =
        document.operations().map(|(_, operation)| operation["operationId"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), announced.len());
}

#[test]
fn every_parameter_of_a_path_is_described() {
    let document = Document::read();
    for ((_, path), operation) in document.operations() {
        let parameters = operation["parameters"].as_array().unwrap();
        let described = parameters.iter().map(|parameter| document.resolve(parameter));
        let in_path = described.filter(|parameter| parameter["in"] == "path");
        let names: BTreeSet<_> =
            in_path.map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap())).collect();
        let wanted: BTreeSet<_> =
            path.split('/').filter(|part| part.starts_with('{')).map(str::to_owned).collect();
        assert_eq!(names, wanted, "{path}");
    }
}

#[test]
fn the_problems_are_those_of_the_code_and_of_the_gateway() {
    let document = Document::read();
    let of_gateway =
        ["failed", "refused", "throttled"].map(|kind| format!("urn:problem-type:ecommerce:{kind}"));
    let mut known: BTreeSet<_> = ProblemKind::ALL.map(ProblemKind::uri).into();
    known.extend(of_gateway);
    assert_eq!(problems(&document).map(|(kind, _)| kind.to_owned()).collect::<BTreeSet<_>>(), known);
    for kind in ProblemKind::ALL {
        let (_, schema) = problems(&document).find(|(uri, _)| *uri == kind.uri()).unwrap();
        assert_eq!(schema["properties"]["status"]["const"], kind.status(), "{kind:?}");
    }
}

#[test]
fn every_example_is_an_example_of_its_schema() {
    let document = Document::read().strict();
    let mut seen = 0;
    for (name, schema) in document.schemas() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert!(document.validator_of(name).is_valid(example), "{name}: {example}");
            seen += 1;
        }
    }
    assert_eq!(seen, problems(&document).count());
    let request = document.at("/paths/~1order/post/requestBody/content/application~1json");
    for example in request["examples"].as_object().unwrap().values() {
        let body = example["value"].to_string();
        assert!(document.validator(&request["schema"]).is_valid(&example["value"]), "{body}");
        assert!(PlaceOrder::parse(&body).is_ok(), "{body}");
    }
}

/// API Gateway takes the response of a type, or else the default of its class,
/// and puts the status of the type where the response has none.
#[test]
fn what_the_gateway_answers_by_itself_is_as_announced() {
    let document = Document::read().strict();
    let deployed = test_support::api_resource()["GatewayResponses"].as_object().unwrap();
    let components = document.at("/components/responses").as_object().unwrap();
    let mut announced = BTreeSet::new();
    for (name, response) in components {
        for kind in response["x-gateway-responses"].as_array().into_iter().flatten() {
            let kind = kind.as_str().unwrap();
            let default = if ["Internal", "BadGateway", "GatewayTimeout"].contains(&name.as_str()) {
                "DEFAULT_5XX"
            } else {
                "DEFAULT_4XX"
            };
            let (used, answer) =
                deployed.get_key_value(kind).or_else(|| deployed.get_key_value(default)).unwrap();
            announced.insert(used.as_str());
            let headers = answer["ResponseParameters"]["Headers"].as_object().unwrap();
            assert_eq!(headers["Content-Type"], "'application/problem+json'", "{kind}");
            let wanted: BTreeSet<_> =
                response["headers"].as_object().unwrap().keys().map(String::as_str).collect();
            let given: BTreeSet<_> =
                headers.keys().map(String::as_str).filter(|name| *name != "Content-Type").collect();
            assert_eq!(given, wanted, "{kind}");
            let body = answer["ResponseTemplates"]["application/json"].as_str().unwrap();
            let body: Value =
                serde_json::from_str(&body.replace("$context.error.messageString", "\"Why\"")).unwrap();
            assert!(answer.get("StatusCode").is_none() || body["status"] == answer["StatusCode"], "{kind}");
            let schema = &response["content"]["application/problem+json"]["schema"];
            let faults: Vec<_> =
                document.validator(schema).iter_errors(&body).map(|error| error.to_string()).collect();
            assert_eq!(faults, [""; 0], "{kind}: {body}");
        }
    }
    assert_eq!(announced, deployed.keys().map(String::as_str).chain(["DEFAULT_4XX"]).collect());
}

#[test]
fn every_list_of_names_is_that_of_the_code() {
    let document = Document::read();
    let statuses = document.at("/components/schemas/OrderStatus/enum");
    assert_eq!(*statuses, json!(OrderStatus::ALL.map(OrderStatus::as_str)));
    let rules = document.at("/components/schemas/Rule/oneOf").as_array().unwrap();
    let rules: Vec<_> = rules.iter().map(|rule| rule["const"].clone()).collect();
    assert_eq!(json!(rules), json!(Rule::ALL));
}

#[test]
fn every_limit_is_that_of_the_code() {
    let document = Document::read();
    let says = |pointer: &str| document.at(&format!("/components/{pointer}")).as_u64().unwrap();
    let longest_id =
        [OrderId::MAX_LENGTH, CustomerId::MAX_LENGTH, ProductId::MAX_LENGTH].into_iter().max().unwrap();
    let limits = [
        ("schemas/OrderId/maxLength", OrderId::MAX_LENGTH),
        ("schemas/CustomerId/maxLength", CustomerId::MAX_LENGTH),
        ("schemas/ProductId/maxLength", ProductId::MAX_LENGTH),
        ("schemas/CorrelationId/maxLength", CorrelationId::MAX_LENGTH),
        ("schemas/IdempotencyKey/maxLength", IdempotencyKey::MAX_LENGTH),
        ("schemas/Token/maxLength", (longest_id * 4).div_ceil(3)),
        ("schemas/Quantity/minimum", Quantity::MIN as usize),
        ("schemas/Quantity/maximum", Quantity::MAX as usize),
        ("schemas/Order/properties/items/maxItems", Lines::MAX),
        ("schemas/Order/properties/shortages/maxItems", Lines::MAX),
        ("schemas/Problem/properties/errors/maxItems", Violation::MAX_LISTED),
    ];
    for (pointer, limit) in limits {
        assert_eq!(says(pointer), limit as u64, "{pointer}");
    }
    assert_eq!(says("schemas/Money/maximum").to_string(), Money::MAX.to_string().trim_end_matches(".00"));
    let text = |pointer: &str| document.at(pointer).as_str().unwrap();
    assert!(
        text("/paths/~1order/post/requestBody/description")
            .contains(&format!("{} KiB", MAX_BODY_BYTES / 1024))
    );
    let products = text("/components/schemas/PlaceOrder/properties/items/description");
    assert!(products.contains(&format!("At most {} different products", Lines::MAX)), "{products}");
    let correlation = text("/components/parameters/CorrelationId/description");
    assert!(correlation.contains(&format!("1 to {} characters", CorrelationId::MAX_LENGTH)), "{correlation}");
    assert_eq!(document.at("/info/version"), env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_page_is_as_long_as_announced() {
    let document = Document::read();
    let limit = document.at("/components/parameters/Limit/schema");
    let [lowest, highest, default] =
        ["minimum", "maximum", "default"].map(|name| limit[name].as_u64().unwrap());
    for list in ["OrderList/properties/orders", "ProductList/properties/products"] {
        assert_eq!(document.at(&format!("/components/schemas/{list}/maxItems")), highest);
    }
    let shop = TestShop::seeded().await;
    let product = shop.snapshot().await.products["001"].clone();
    for n in 0..=highest {
        let mut product = product.clone();
        product.insert("ProductId".into(), tables::text(format!("p{n}")));
        shop.put(&shop.tables.products, product).await;
    }
    let page = async |limit: Option<u64>| {
        let request = ApiRequest::get(PRODUCTS);
        let request = limit.iter().fold(request, |request, limit| request.query("limit", &limit.to_string()));
        let response = request.send(&shop.order_service()).await;
        (response.status, response.json()["products"].as_array().map_or(0, |page| page.len() as u64))
    };
    assert_eq!(page(None).await, (200, default));
    assert_eq!(page(Some(lowest)).await, (200, lowest));
    assert_eq!(page(Some(highest)).await, (200, highest));
    assert_eq!(page(Some(lowest - 1)).await, (422, 0));
    assert_eq!(page(Some(highest + 1)).await, (422, 0));
}

/// Texts around every limit of an identifier, and every character up to `ſ` alone.
fn texts() -> Vec<String> {
    let lengths = [0, 1, 2, 64, 65, 128, 129, 255, 256];
    let long = lengths.map(|length| "x".repeat(length));
    let single = ('\0'..='\u{17f}').map(String::from);
    let within = ('\0'..='\u{17f}').map(|c| format!("a{c}b"));
    long.into_iter()
        .chain(single)
        .chain(within)
        .chain(["a\n".into(), "\u{ff21}".into(), "1\u{301}".into()])
        .collect()
}

/// Whether the code takes a text.
type Accepts = fn(&str) -> bool;

#[test]
fn an_identifier_is_what_is_announced() {
    let document = Document::read();
    let checks: [(&str, Accepts); 5] = [
        ("OrderId", |text| text.parse::<OrderId>().is_ok()),
        ("CustomerId", |text| text.parse::<CustomerId>().is_ok()),
        ("ProductId", |text| text.parse::<ProductId>().is_ok()),
        ("CorrelationId", |text| text.parse::<CorrelationId>().is_ok()),
        ("IdempotencyKey", |text| text.parse::<IdempotencyKey>().is_ok()),
    ];
    for (name, accepted) in checks {
        let validator = document.validator_of(name);
        for text in texts() {
            assert_eq!(accepted(&text), validator.is_valid(&json!(text)), "{name} {text:?}");
        }
    }
}

/// A JSON value as it stands in a body, near what the rules are about.
fn values(of: &[&'static str]) -> impl Strategy<Value = &'static str> + use<> {
    let anything = ["null", "true", "\"\"", "\"1\"", "0", "-1", "1.5", "[]", "{}"];
    prop_oneof![4 => proptest::sample::select(of.to_vec()), 1 => proptest::sample::select(anything.to_vec())]
}

fn members(members: Vec<(&'static str, String)>) -> String {
    let members: Vec<_> = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

prop_compose! {
    /// A line, of which fields may be missing or too many.
    fn line(n: usize)(
        quantity in values(&["1", "999", "1000", "1001", "18446744073709551616"]),
        fields in proptest::sample::subsequence(vec!["productId", "quantity", "price"], 0..=3),
        whole in prop::bool::weighted(0.8),
    ) -> String {
        let fields = if whole { vec!["productId", "quantity"] } else { fields };
        let value = |name| if name == "productId" { format!("\"p{n}\"") } else { quantity.to_owned() };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

prop_compose! {
    /// A body of `POST /order`, near what the rules are about.
    fn body()(
        customer in values(&["\"001\"", "\"a.b_c-D\"", "\"a b\"", "\"é\"", "\"001\\u0000\""]),
        items in prop_oneof![
            4 => (line(0), line(1)).prop_map(|(one, two)| format!("[{one},{two}]")),
            1 => values(&["[]"]).prop_map(str::to_owned),
        ],
        total in values(&["0", "0.00", "79.99", "79.990", "79.999", "-0.01", "1000000000000.00", "1000000000000.01", "1e400", "1E2"]),
        fields in proptest::sample::subsequence(vec!["customerId", "items", "totalAmount", "x"], 0..=4),
        whole in prop::bool::weighted(0.8),
    ) -> String {
        let fields = if whole { vec!["customerId", "items", "totalAmount"] } else { fields };
        let value = |name| match name {
            "customerId" => customer.to_owned(),
            "items" => items.clone(),
            _ => total.to_owned(),
        };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_body_is_accepted_if_it_is_as_announced(body in body()) {
        thread_local! {
            static VALIDATOR: Rc<jsonschema::Validator> = Document::read().validator_of("PlaceOrder");
        }
        // Numbers that a double does not hold are not JSON values here; the rules refuse them.
        let announced = serde_json::from_str::<Value>(&body)
            .is_ok_and(|value| VALIDATOR.with(|validator| validator.is_valid(&value)));
        prop_assert_eq!(PlaceOrder::parse(&body).is_ok(), announced, "{}", body);
    }
}
