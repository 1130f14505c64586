//! Logs of the functions at level TRACE. They contain no secrets, even if every field that a client
//! or an event producer can set has one.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use api::AuthMode;
use domain::OrderStatus;
use lambda::telemetry;
use serde_json::{Value, json};
use test_support::{
    ApiRequest, AwsError, BusBehavior, Function, HelloWorld, Invocation, TestShop, invocation,
};
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};

mod order_lines;
mod records;
mod stock;

const EMAIL: &str = "mallory@secret.example";
/// A token of realistic length. The signature alone has 342 characters, so no identifier can hold it.
const TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.eyJzZWNyZXQiOnRydWV9.",
    "c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2l",
    "nbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbm",
    "F0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0d",
    "XJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl",
);
const NOTE: &str = "a note in a body";

/// A second subscriber. With a single one, tracing caches its interest for all threads, and a call
/// site that another test reaches first, without a subscriber, would be disabled everywhere.
static SECOND_SUBSCRIBER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

/// The log output of the current thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Captures the log of this thread while the guard lives.
    fn capture() -> (Self, DefaultGuard) {
        Self::capture_at("TRACE")
    }

    /// Captures the log at this level.
    pub(crate) fn capture_at(level: &str) -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = telemetry::subscriber(Some(level), move || writer.clone());
        LazyLock::force(&SECOND_SUBSCRIBER);
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Removes the lines and returns them.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        let lines = self.lines();
        self.0.lock().unwrap().clear();
        lines
    }

    /// Asserts that no line contains a secret, and returns the number of lines.
    fn assert_no_secret(&self) -> usize {
        let lines = self.lines();
        lines.iter().for_each(|line| assert_no_secret(line));
        lines.len()
    }
}

fn assert_no_secret(text: &str) {
    // The last two are the start of an escaped body, and the SDK's name for a response body.
    for secret in [EMAIL, "@", TOKEN, "eyJ", NOTE, r#"{\""#, "SdkBody"] {
        assert!(!text.contains(secret), "{secret:?} in {text}");
    }
}

/// Invokes a function, and checks the error, which the runtime logs.
async fn invoke(function: &impl Function, invocation: Invocation) {
    if let Err(error) = function.invoke(invocation).await {
        assert_no_secret(&format!("{error:?}"));
    }
}

/// Adds secrets to the headers, the query and the claims of a request.
fn with_secrets(request: ApiRequest, username: &str) -> ApiRequest {
    let claims = [
        ("token_use", "access"),
        ("scope", "orders/customer orders/fulfilment"),
        ("username", username),
        ("email", EMAIL),
        ("jti", TOKEN),
    ];
    request
        .claims(claims)
        .header("Authorization", &format!("Bearer {TOKEN}"))
        .header("Cookie", TOKEN)
        .header("From", EMAIL)
        .header("X-Correlation-Id", EMAIL)
        .header("Idempotency-Key", EMAIL)
        .query("email", EMAIL)
        .query("token", TOKEN)
}

/// Returns requests to each route, for existing and missing items.
fn requests() -> Vec<ApiRequest> {
    let mut requests = vec![ApiRequest::get("/products"), ApiRequest::get("/unknown")];
    for value in [EMAIL, TOKEN] {
        requests.push(ApiRequest::get("/products").query("limit", value).query("nextToken", value));
        requests.push(ApiRequest::get("/orders").query("status", value).query("nextToken", value));
    }
    requests.push(ApiRequest::get("/orders").query("status", "Confirmed"));
    for id in ["001", "404", EMAIL] {
        let order = |request: ApiRequest| request.path("orderId", id);
        requests.push(order(ApiRequest::get("/order/{orderId}")));
        requests.extend(
            ["cancel", "ship", "deliver"]
                .map(|action| order(ApiRequest::post(&format!("/order/{{orderId}}/{action}")))),
        );
        let shipments = [
            json!({"carrier": EMAIL, "trackingNumber": NOTE}).to_string(),
            json!({"carrier": [EMAIL], "trackingNumber": TOKEN.repeat(2), EMAIL: NOTE}).to_string(),
            format!(r#"{{"carrier":"{EMAIL}""#),
        ];
        requests.extend(shipments.map(|body| order(ApiRequest::post("/order/{orderId}/ship")).json(body)));
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
async fn requests_leave_no_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let stock = |id: &str| ApiRequest::get("/inventory/{productId}").path("productId", id);
    let (log, _guard) = Log::capture();
    let mut sent = 0;
    for auth_mode in [AuthMode::Open, AuthMode::Cognito] {
        let (orders, inventory) = (shop.order_service_for(auth_mode), shop.inventory_service_for(auth_mode));
        for username in ["001", "002", EMAIL] {
            for request in requests() {
                invoke(&orders, with_secrets(request, username).invocation()).await;
                sent += 1;
            }
            for id in ["001", "404", EMAIL] {
                invoke(&inventory, with_secrets(stock(id), username).invocation()).await;
            }
            invoke(&HelloWorld(auth_mode), with_secrets(ApiRequest::get("/hello"), username).invocation())
                .await;
        }
        // Requests without claims.
        for request in requests() {
            invoke(&orders, request.header("Authorization", TOKEN).invocation()).await;
        }
    }
    assert!(log.assert_no_secret() > sent, "each response is logged");
}

#[tokio::test]
async fn service_errors_leave_no_secret_in_the_log() {
    let errors: [fn() -> AwsError; 3] =
        [AwsError::throttled, AwsError::access_denied, AwsError::transaction_conflict];
    for error in errors {
        let shop = TestShop::seeded().await;
        for operation in ["GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query", "Scan"] {
            shop.proxy.on(operation).always().fail(error());
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
            let response =
                with_secrets(request, "001").send(&shop.order_service_for(AuthMode::Cognito)).await;
            assert!(response.status >= 500, "{response:?}");
        }
        assert!(log.assert_no_secret() >= lines, "each request logs an error and a response");
    }
}

#[tokio::test]
async fn events_leave_no_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let inventory = shop.inventory_service();
    let (log, _guard) = Log::capture();
    let placed = json!({
        "detailType": "OrderPlaced", "orderId": "001", "orderStatus": "OrderPlaced", "customerId": "001",
        "items": [{"productId": "001", "quantity": 1}], "totalAmount": 79.99,
        "metadata": {"eventId": "e1", "occurredAt": "2025-01-01T00:00:00Z", "schemaVersion": 1, "correlationId": "c1"},
    });
    let pointers = [
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
    for pointer in pointers {
        for secret in [EMAIL, TOKEN, &format!("{EMAIL}\", expected {NOTE}")] {
            let mut event = placed.clone();
            *event.pointer_mut(pointer).unwrap() = secret.into();
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
    for shipment in [json!({"carrier": EMAIL, "trackingNumber": NOTE}), json!({"carrier": {EMAIL: NOTE}})] {
        let mut event =
            json!({"detailType": "OrderShipped", "orderId": "001", "orderStatus": "OrderShipped"});
        event.as_object_mut().unwrap().extend(shipment.as_object().unwrap().clone());
        invoke(&inventory, invocation::event("OrderShipped", &event.to_string())).await;
    }
    assert!(log.assert_no_secret() > pointers.len(), "each rejection is logged");
}

#[tokio::test]
async fn logs_an_event_with_its_ids_and_outcome() {
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
    let has_outcome = |line: &&String| line.contains(r#""outcome":"Confirmed""#);
    let line = lines.iter().find(has_outcome).unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(ids.iter().all(|id| line.contains(id)), "{line}");
}

#[tokio::test]
async fn logs_failures_with_their_ids_at_level_warn() {
    let shop = TestShop::seeded().await;
    let failing = json!({
        "detailType": "OrderShipped", "orderId": "404", "orderStatus": "OrderShipped",
        "metadata": {"eventId": "e-7", "occurredAt": "2025-01-01T00:00:00Z", "schemaVersion": 1, "correlationId": "c-7"},
    });
    let failing = invocation::event("OrderShipped", &failing.to_string());
    let (log, _guard) = Log::capture_at("WARN");
    invoke(&shop.inventory_service(), invocation::queue(std::slice::from_ref(&failing))).await;
    invoke(&shop.inventory_service(), failing).await;
    invoke(&shop.inventory_service(), invocation::queue_messages(&["not an event"])).await;
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
        assert!(ids.iter().all(|id| line.contains(id)), "{line} does not have {ids:?}");
    }
}

#[tokio::test]
async fn stream_records_and_stored_items_leave_no_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let mut order = shop.order("001").await.unwrap();
    (order.status, order.shortages) = (OrderStatus::Placed, Vec::new());
    let (log, _guard) = Log::capture();
    let valid = dynamodb::encode_order(&order.into());
    for attribute in ["CustomerId", "OrderStatus", "Items", "TotalAmount", "CreatedAt"] {
        let mut item = valid.clone();
        item.insert(attribute.to_owned(), dynamodb::text(EMAIL));
        shop.put(&shop.tables.orders, item).await;
        let request = ApiRequest::get("/order/{orderId}").path("orderId", "001");
        invoke(&shop.order_service(), request.invocation()).await;
    }
    let with_field = |key: &str, value: Value| {
        let mut record = sample_record();
        record["dynamodb"]["NewImage"][key] = value;
        record
    };
    let text = json!({"S": EMAIL});
    let records = [
        with_field("CustomerId", text.clone()),
        with_field("OrderStatus", text.clone()),
        with_field("Event", text.clone()),
        with_field("Event", json!({"M": {"Id": text, "Type": text, "Time": text, "CorrelationId": text}})),
    ];
    for record in records {
        invoke(&shop.order_service(), invocation::stream(&[record])).await;
    }
    assert!(log.assert_no_secret() >= 8);
}

#[tokio::test]
async fn logs_stock_events_with_their_ids() {
    let shop = TestShop::empty().await;
    shop.set_stock("p-1", 5).await;
    let records = shop.stock_stream().await.read().await;
    shop.bus.script([BusBehavior::reject([(0, "InternalFailure")])]);
    let (log, _guard) = Log::capture();
    invoke(&shop.inventory_service(), invocation::stream(&records)).await;
    let lines = log.lines();
    let with = |text: &str| lines.iter().filter(|line| line.contains(text)).collect::<Vec<_>>();
    assert_eq!((with("\"published\"").len(), with("rejected by EventBridge").len()), (2, 1), "{lines:#?}");
    for event in shop.bus.published() {
        let id = event.detail()["metadata"]["eventId"].as_str().unwrap().to_owned();
        let [line] =
            with(&id).into_iter().filter(|line| line.contains("\"published\"")).collect::<Vec<_>>()[..]
        else {
            panic!("{lines:#?}");
        };
        let ids = [r#""productId":"p-1""#, r#""correlationId":"p-1""#, event.detail_type()];
        assert!(ids.iter().all(|id| line.contains(id)) && !line.contains("orderId"), "{line}");
    }
}

#[tokio::test]
async fn stock_records_leave_no_secret_in_the_log() {
    let shop = TestShop::empty().await;
    shop.set_stock("p-1", 5).await;
    let records = shop.stock_stream().await.read().await;
    let stock = records.iter().find(|record| record["dynamodb"]["NewImage"].get("Revision").is_some());
    let (log, _guard) = Log::capture();
    for attribute in ["ProductId", "Quantity", "ReorderPoint", "Revision"] {
        let mut record = stock.unwrap().clone();
        record["dynamodb"]["NewImage"][attribute] = json!({"S": EMAIL});
        invoke(&shop.inventory_service(), invocation::stream(&[record])).await;
    }
    assert!(log.assert_no_secret() >= 4);
    assert!(shop.bus.published().iter().all(|event| !event.detail_text().contains(EMAIL)));
}

/// Returns the sample stream record.
fn sample_record() -> Value {
    let batch: Value =
        serde_json::from_str(invocation::fixture("stream-order-placed").payload.get()).unwrap();
    batch["Records"][0].clone()
}
