//! What the functions log, at their most talkative, when every place that a
//! client or a producer can write to holds something that no log may hold.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use domain::OrderStatus;
use lambda_support::{Access, telemetry};
use serde_json::{Value, json};
use test_support::{ApiRequest, AwsError, Function, HelloWorld, Invocation, TestShop, invocation};
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};

const EMAIL: &str = "mallory@secret.example";
/// As long as tokens are, whose signature alone has 342 characters: no identifier can hold one.
const TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.eyJzZWNyZXQiOnRydWV9.",
    "c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2l",
    "nbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbm",
    "F0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0d",
    "XJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl",
);
const NOTE: &str = "a note in a body";

/// As long as there is a single subscriber, tracing takes every thread to have it: what
/// another test logs first, on a thread that has none, would be logged on no thread.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

/// What was logged on this thread since it was made.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Captures all that is logged on this thread as long as the guard lives.
    fn capture() -> (Self, DefaultGuard) {
        Self::capture_at("TRACE")
    }

    /// Captures what is logged at this level.
    fn capture_at(level: &str) -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = telemetry::subscriber(Some(level), move || writer.clone());
        LazyLock::force(&ANOTHER);
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }

    /// How many lines there are, none of which holds a secret.
    fn checked(&self) -> usize {
        let lines = self.lines();
        lines.iter().for_each(|line| assert_clean(line));
        lines.len()
    }
}

fn assert_clean(text: &str) {
    // The last two are the beginning of a body as it would stand in a line, and
    // what the SDK calls the answer of a service.
    for secret in [EMAIL, "@", TOKEN, "eyJ", NOTE, r#"{\""#, "SdkBody"] {
        assert!(!text.contains(secret), "{secret:?} in {text}");
    }
}

/// Invokes a function. The runtime logs a failure as it is.
async fn invoke(function: &impl Function, invocation: Invocation) {
    if let Err(failure) = function.invoke(invocation).await {
        assert_clean(&format!("{failure:?}"));
    }
}

/// Puts a secret wherever a request of any route has room for one.
fn marked(request: ApiRequest, username: &str) -> ApiRequest {
    let claims = [
        ("token_use", "access"),
        ("scope", "orders/customer orders/fulfilment"),
        ("username", username),
        ("email", EMAIL),
        ("jti", TOKEN),
    ];
    let request = request.claims(claims).header("Authorization", &format!("Bearer {TOKEN}"));
    let request = request.header("Cookie", TOKEN).header("From", EMAIL).header("X-Correlation-Id", EMAIL);
    request.header("Idempotency-Key", EMAIL).query("email", EMAIL).query("token", TOKEN)
}

/// A request to each route, for what is there and for what is not.
fn requests() -> Vec<ApiRequest> {
    let mut requests = vec![ApiRequest::get("/products"), ApiRequest::get("/nowhere")];
    for value in [EMAIL, TOKEN] {
        requests.push(ApiRequest::get("/products").query("limit", value).query("nextToken", value));
    }
    for id in ["001", "404", EMAIL] {
        let order = |request: ApiRequest| request.path("orderId", id);
        requests.push(order(ApiRequest::get("/order/{orderId}")));
        requests.extend(
            ["cancel", "ship", "deliver"]
                .map(|action| order(ApiRequest::post(&format!("/order/{{orderId}}/{action}")))),
        );
        requests.push(ApiRequest::get("/products/{productId}").path("productId", id));
        requests.push(
            ApiRequest::get("/customers/{customerId}/orders")
                .path("customerId", id)
                .query("nextToken", TOKEN),
        );
        requests.push(ApiRequest::get("/customers/{customerId}/orders").path("customerId", id));
    }
    let item = json!({"productId": "001", "quantity": 1});
    let bodies = [
        json!({"customerId": "001", "items": [item]}).to_string(),
        json!({"customerId": "001", "items": [item], "totalAmount": 1}).to_string(),
        json!({"customerId": "001", "items": [item], EMAIL: NOTE, "note": NOTE}).to_string(),
        json!({"customerId": EMAIL, "items": [{"productId": EMAIL, "quantity": EMAIL}], "totalAmount": TOKEN}).to_string(),
        json!({"customerId": "002", "items": EMAIL, "note": NOTE}).to_string(),
        format!(r#"{{"customerId":"{EMAIL}","note":"{NOTE}""#),
        format!(r#""{EMAIL}""#),
        EMAIL.to_owned(),
        format!("{{\"note\":\"{}\"}}", NOTE.repeat(10_000)),
    ];
    requests.extend(bodies.map(|body| ApiRequest::post("/order").json(body)));
    requests.push(ApiRequest::post("/order").header("Content-Type", EMAIL).body(NOTE));
    requests.push(ApiRequest::post("/order").base64_body(EMAIL));
    requests
}

#[tokio::test]
async fn no_request_leaves_a_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let stock = |id: &str| ApiRequest::get("/inventory/{productId}").path("productId", id);
    let (log, _guard) = Log::capture();
    let mut sent = 0;
    for access in [Access::Open, Access::Cognito] {
        let (orders, inventory) = (shop.order_service_for(access), shop.inventory_service_for(access));
        for username in ["001", "002", EMAIL] {
            for request in requests() {
                invoke(&orders, marked(request, username).invocation()).await;
                sent += 1;
            }
            for id in ["001", "404", EMAIL] {
                invoke(&inventory, marked(stock(id), username).invocation()).await;
            }
            invoke(&HelloWorld(access), marked(ApiRequest::get("/hello"), username).invocation()).await;
        }
        // Without claims.
        for request in requests() {
            invoke(&orders, request.header("Authorization", TOKEN).invocation()).await;
        }
    }
    assert!(log.checked() > sent, "each answer is logged, so there is something to look at");
}

#[tokio::test]
async fn no_fault_of_a_service_leaves_a_secret_in_the_log() {
    let faults: [fn() -> AwsError; 3] =
        [AwsError::throttled, AwsError::access_denied, AwsError::transaction_conflict];
    for fault in faults {
        let shop = TestShop::seeded().await;
        for operation in ["GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query", "Scan"] {
            shop.proxy.on(operation).always().fail(fault());
        }
        let body = json!({"customerId": "001", "items": [{"productId": "001", "quantity": 1}]}).to_string();
        let requests = [
            ApiRequest::post("/order").json(body),
            ApiRequest::get("/order/{orderId}").path("orderId", "001"),
            ApiRequest::post("/order/{orderId}/cancel").path("orderId", "001"),
            ApiRequest::get("/customers/{customerId}/orders").path("customerId", "001"),
            ApiRequest::get("/products"),
        ];
        let (log, _guard) = Log::capture();
        let lines = 2 * requests.len();
        for request in requests {
            let response = marked(request, "001").send(&shop.order_service_for(Access::Cognito)).await;
            assert!(response.status >= 500, "{response:?}");
        }
        assert!(log.checked() >= lines, "a fault and an answer for each");
    }
}

#[tokio::test]
async fn no_event_leaves_a_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let inventory = shop.inventory_service();
    let (log, _guard) = Log::capture();
    let placed = json!({
        "detailType": "OrderPlaced", "orderId": "001", "orderStatus": "OrderPlaced", "customerId": "001",
        "items": [{"productId": "001", "quantity": 1}], "totalAmount": 79.99,
        "metadata": {"eventId": "e1", "occurredAt": "2025-01-01T00:00:00Z", "schemaVersion": 1, "correlationId": "c1"},
    });
    let places = [
        "/detailType",
        "/orderId",
        "/orderStatus",
        "/customerId",
        "/items",
        "/items/0",
        "/items/0/productId",
        "/items/0/quantity",
        "/totalAmount",
        "/metadata",
        "/metadata/eventId",
        "/metadata/occurredAt",
        "/metadata/schemaVersion",
        "/metadata/correlationId",
    ];
    for place in places {
        for secret in [EMAIL, TOKEN, &format!("{EMAIL}\", expected {NOTE}")] {
            let mut event = placed.clone();
            *event.pointer_mut(place).unwrap() = secret.into();
            let event = event.to_string();
            invoke(&inventory, invocation::event("OrderPlaced", &event)).await;
            let batch = [invocation::event("OrderPlaced", &event), invocation::event(secret, &event)];
            invoke(&inventory, invocation::queue(&batch)).await;
            invoke(&inventory, invocation::queue_messages(&[secret])).await;
            invoke(&shop.order_service(), invocation::republish(&[secret])).await;
            invoke(&inventory, invocation::event(secret, &event)).await;
            invoke(&inventory, invocation::event_from(secret, "OrderPlaced", &event)).await;
        }
    }
    assert!(log.checked() > places.len(), "each refusal is logged");
}

#[tokio::test]
async fn the_line_of_an_event_names_it_its_order_what_caused_it_and_what_came_of_it() {
    let shop = TestShop::seeded().await;
    let event = json!({
        "detailType": "OrderPlaced", "orderId": "001", "orderStatus": "OrderPlaced", "customerId": "001",
        "items": [{"productId": "001", "quantity": 1}], "totalAmount": 79.99,
        "metadata": {"eventId": "e-7", "occurredAt": "2025-01-01T00:00:00Z", "schemaVersion": 1, "correlationId": "c-7"},
    });
    let (log, _guard) = Log::capture();
    invoke(&shop.inventory_service(), invocation::event("OrderPlaced", &event.to_string())).await;
    let ids = [r#""eventId":"e-7""#, r#""orderId":"001""#, r#""correlationId":"c-7""#];
    let lines = log.lines();
    let told = |line: &&String| line.contains(r#""outcome":"Confirmed""#);
    let line = lines.iter().find(told).unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(ids.iter().all(|id| line.contains(id)), "{line}");
}

#[tokio::test]
async fn a_failure_is_logged_with_its_ids_when_only_warnings_are() {
    let shop = TestShop::seeded().await;
    let failing = json!({
        "detailType": "OrderShipped", "orderId": "404", "orderStatus": "OrderShipped",
        "metadata": {"eventId": "e-7", "occurredAt": "2025-01-01T00:00:00Z", "schemaVersion": 1, "correlationId": "c-7"},
    });
    let failing = invocation::event("OrderShipped", &failing.to_string());
    let (log, _guard) = Log::capture_at("WARN");
    invoke(&shop.inventory_service(), invocation::queue(std::slice::from_ref(&failing))).await;
    invoke(&shop.inventory_service(), failing).await;
    invoke(&shop.inventory_service(), invocation::queue_messages(&["no event"])).await;
    shop.proxy.on("GetItem").fail(AwsError::access_denied());
    let request =
        ApiRequest::get("/order/{orderId}").path("orderId", "404").header("X-Correlation-Id", "c-8");
    invoke(&shop.order_service(), request.invocation()).await;

    let event = [r#""orderId":"404""#, r#""eventId":"e-7""#, r#""correlationId":"c-7""#];
    let request = [r#""orderId":"404""#, r#""correlationId":"c-8""#];
    let ids: [&[&str]; 4] = [&event, &event, &[r#""messageId":"m0""#], &request];
    let lines = log.lines();
    assert_eq!(lines.len(), ids.len(), "{lines:#?}");
    for (line, ids) in lines.iter().zip(ids) {
        assert!(ids.iter().all(|id| line.contains(id)), "{line} has not {ids:?}");
    }
}

#[tokio::test]
async fn no_record_of_the_stream_and_no_stored_item_leaves_a_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let mut order = shop.order("001").await.unwrap();
    (order.status, order.shortages) = (OrderStatus::Placed, Vec::new());
    let (log, _guard) = Log::capture();
    let whole = tables::order_to_item(&order);
    for attribute in ["CustomerId", "OrderStatus", "Items", "TotalAmount", "CreatedAt"] {
        let mut item = whole.clone();
        item.insert(attribute.to_owned(), tables::text(EMAIL));
        shop.put(&shop.tables.orders, item).await;
        let request = ApiRequest::get("/order/{orderId}").path("orderId", "001");
        invoke(&shop.order_service(), request.invocation()).await;
    }
    let poisoned = |key: &str, value: Value| {
        let mut record = shop_record();
        record["dynamodb"]["NewImage"][key] = value;
        record
    };
    let text = json!({"S": EMAIL});
    let records = [
        poisoned("CustomerId", text.clone()),
        poisoned("OrderStatus", text.clone()),
        poisoned("Event", text.clone()),
        poisoned("Event", json!({"M": {"Id": text, "Type": text, "Time": text, "CorrelationId": text}})),
    ];
    for record in records {
        invoke(&shop.order_service(), invocation::stream(&[record])).await;
    }
    assert!(log.checked() >= 8);
}

/// A record of the sample events.
fn shop_record() -> Value {
    let batch: Value =
        serde_json::from_str(invocation::fixture("stream-order-placed").payload.get()).unwrap();
    batch["Records"][0].clone()
}
