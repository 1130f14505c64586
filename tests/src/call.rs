//! Invocations as AWS makes them, and what the functions answer.

use std::fs;
use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use inventory_service::InventoryService;
use lambda_runtime::{Context, LambdaEvent};
use lambda_support::clock::unix_millis;
use lambda_support::{Access, Answer, Failure};
use order_service::OrderService;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clients::REGION;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");

/// `Timeout` of the functions in the template.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a function is invoked with.
pub type Invocation = LambdaEvent<Box<RawValue>>;

/// A Lambda function that can be invoked.
pub trait Function {
    /// Invokes it once.
    fn invoke(&self, invocation: Invocation) -> impl Future<Output = Result<Answer, Failure>>;
}

impl Function for OrderService {
    async fn invoke(&self, invocation: Invocation) -> Result<Answer, Failure> {
        self.handle(invocation).await
    }
}

impl Function for InventoryService {
    async fn invoke(&self, invocation: Invocation) -> Result<Answer, Failure> {
        self.handle(invocation).await
    }
}

/// HelloWorldFunction, with an API that serves whom it says.
#[derive(Debug, Clone, Copy)]
pub struct HelloWorld(pub Access);

impl Function for HelloWorld {
    async fn invoke(&self, invocation: Invocation) -> Result<Answer, Failure> {
        hello_world::handle(self.0, invocation).await
    }
}

/// Runs all of these at the same time; their results, in the order given.
pub async fn at_once<F: Future>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    join_all(calls).await
}

/// An invocation with a payload, a request id of its own, and the time that the
/// template gives the functions.
#[must_use]
pub fn invocation(payload: Box<RawValue>) -> Invocation {
    let mut context = Context::default();
    context.request_id = Uuid::now_v7().to_string();
    with_time(LambdaEvent::new(payload, context), TIMEOUT)
}

/// The invocation, if Lambda stops it after this time.
#[must_use]
pub fn with_time(mut invocation: Invocation, left: Duration) -> Invocation {
    let left = u64::try_from(left.as_millis()).expect("less than Lambda's longest");
    invocation.context.deadline = unix_millis() + left;
    invocation
}

/// An invocation by the payload of a file in `events/`, named without its ending.
#[must_use]
pub fn fixture(name: &str) -> Invocation {
    let path = format!("{FIXTURES}/{name}.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    invocation(RawValue::from_string(text).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// An invocation by the stream of the Orders table with these records.
#[must_use]
pub fn stream(records: &[Value]) -> Invocation {
    invocation(raw(&json!({"Records": records})))
}

/// An invocation by a queue that the bus sends its events to. Each message is
/// named by its position: `m0`, `m1` and so on.
#[must_use]
pub fn queue(events: &[Invocation]) -> Invocation {
    let bodies: Vec<_> = events.iter().map(|event| event.payload.get()).collect();
    messages(&bodies)
}

/// An invocation by a queue with messages of these bodies, named as by [`queue`].
#[must_use]
pub fn messages(bodies: &[&str]) -> Invocation {
    let record = |(n, body): (usize, &&str)| json!({"messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": body});
    invocation(raw(&json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})))
}

/// An invocation by a rule of the bus, with an event of the shop as anybody may send it.
#[must_use]
pub fn event(detail_type: &str, detail: &str) -> Invocation {
    event_from(domain::event::SOURCE, detail_type, detail)
}

/// An invocation by a rule of the bus, with an event of any source.
#[must_use]
pub fn event_from(source: &str, detail_type: &str, detail: &str) -> Invocation {
    let entry = crate::bus::Entry {
        event_bus_name: Some(crate::bus::BUS_NAME.to_owned()),
        source: Some(source.to_owned()),
        detail_type: Some(detail_type.to_owned()),
        detail: Some(detail.to_owned()),
        resources: Vec::new(),
        time: None,
    };
    invocation(crate::bus::Published { id: Uuid::now_v7().to_string(), entry }.envelope())
}

/// An invocation by an operator who wants the events of these orders published again.
#[must_use]
pub fn republish(order_ids: &[&str]) -> Invocation {
    invocation(raw(&json!({"republish": {"orderIds": order_ids}})))
}

/// A GET request for a route as the API declares it, for example `/order/{orderId}`.
#[must_use]
pub fn get(resource: &str) -> Rest {
    Rest::new("GET", resource)
}

/// A POST request for a route as the API declares it, for example `/order/{orderId}/cancel`.
#[must_use]
pub fn post(resource: &str) -> Rest {
    Rest::new("POST", resource)
}

/// A request to the API that is being put together.
#[derive(Debug, Clone)]
pub struct Rest {
    method: &'static str,
    resource: String,
    path_parameters: Map<String, Value>,
    query: Map<String, Value>,
    headers: Map<String, Value>,
    body: Option<String>,
    body_is_base64: bool,
    claims: Option<Map<String, Value>>,
}

impl Rest {
    /// A request by method and route.
    #[must_use]
    pub fn new(method: &'static str, resource: &str) -> Self {
        Self {
            method,
            resource: resource.to_owned(),
            path_parameters: Map::new(),
            query: Map::new(),
            headers: Map::new(),
            body: None,
            body_is_base64: false,
            claims: None,
        }
    }

    /// Gives a parameter of the path, `{name}` in the route.
    #[must_use]
    pub fn path(mut self, name: &str, value: &str) -> Self {
        self.path_parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Gives a parameter of the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.insert(name.to_owned(), value.into());
        self
    }

    /// Gives a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// Gives a body, without saying what it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Gives a body in base64, as API Gateway does with binary ones.
    #[must_use]
    pub fn base64_body(mut self, body: impl Into<String>) -> Self {
        self.body_is_base64 = true;
        self.body(body)
    }

    /// Gives a body declared as JSON.
    #[must_use]
    pub fn json(self, body: impl Into<String>) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    /// Sends it with a token of these claims, which API Gateway has verified.
    /// It hands over each of them as text.
    #[must_use]
    pub fn claims<'a>(mut self, claims: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        self.claims = Some(claims.collect());
        self
    }

    /// Sends it to a function, which answers every request somehow.
    pub async fn send(&self, function: &impl Function) -> Reply {
        Reply::of(&function.invoke(self.invocation()).await.unwrap())
    }

    /// The invocation that API Gateway makes of it.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
    #[must_use]
    pub fn invocation(&self) -> Invocation {
        let path = self.path_parameters.iter().fold(self.resource.clone(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
        });
        invocation(raw(&json!({
            "resource": self.resource,
            "path": path,
            "httpMethod": self.method,
            "headers": or_null(&self.headers),
            "multiValueHeaders": or_null(&in_lists(&self.headers)),
            "queryStringParameters": or_null(&self.query),
            "multiValueQueryStringParameters": or_null(&in_lists(&self.query)),
            "pathParameters": or_null(&self.path_parameters),
            "stageVariables": null,
            "requestContext": self.request_context(&path),
            "body": self.body,
            "isBase64Encoded": self.body_is_base64,
        })))
    }

    fn request_context(&self, path: &str) -> Value {
        let mut context = json!({
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": format!("api.execute-api.{REGION}.amazonaws.com"),
            "httpMethod": self.method,
            "identity": {"sourceIp": "127.0.0.1", "userAgent": "tests"},
            "path": format!("/Prod{path}"),
            "protocol": "HTTP/1.1",
            "requestId": Uuid::now_v7().to_string(),
            "requestTimeEpoch": 1_735_689_600_000_u64,
            "resourcePath": self.resource,
            "stage": "Prod",
        });
        if let Some(claims) = &self.claims {
            context["authorizer"] = json!({"claims": claims});
        }
        context
    }
}

/// API Gateway leaves no empty maps: it sends null.
fn or_null(map: &Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { map.clone().into() }
}

fn in_lists(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.clone(), json!([value]))).collect()
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("JSON")
}

/// What the client of the API gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u16,
    /// The body, as it was written.
    pub body: String,
    headers: Map<String, Value>,
}

impl Reply {
    /// Reads the answer to a REST request, as API Gateway does.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        let wire = serde_json::to_value(answer).expect("an answer in JSON");
        assert_eq!(wire["isBase64Encoded"], false, "{wire} is no answer to a REST request");
        let status = wire["statusCode"].as_u64().and_then(|status| status.try_into().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("{wire} has no status")),
            body: wire["body"].as_str().unwrap_or_default().to_owned(),
            headers: wire["headers"].as_object().cloned().unwrap_or_default(),
        }
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// Status and kind of the problem (RFC 9457) that this is.
    #[must_use]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{self:?}");
        let kind =
            document["type"].as_str().and_then(|kind| kind.strip_prefix("urn:problem-type:ecommerce:"));
        (self.status, kind.unwrap_or_else(|| panic!("{self:?} is no problem of ours")).to_owned())
    }

    /// Where the request breaks a rule, and which.
    #[must_use]
    pub fn faults(&self) -> Vec<(String, String)> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, name: &str| error[name].as_str().expect("text").to_owned();
        errors.iter().map(|error| (text(error, "pointer"), text(error, "rule"))).collect()
    }

    /// The names of all headers, in lower case.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(String::as_str)
    }

    /// A header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.as_str()
    }
}

/// What a function hands back to the poller of a stream, by sequence numbers,
/// or of a queue, by message ids.
#[must_use]
pub fn failed_records(answer: &Answer) -> Vec<String> {
    let wire = serde_json::to_value(answer).expect("an answer in JSON");
    let failures = wire["batchItemFailures"].as_array();
    let failures = failures.unwrap_or_else(|| panic!("{wire} is no answer to a poller"));
    let number = |failure: &Value| failure["itemIdentifier"].as_str().expect("an identifier").to_owned();
    failures.iter().map(number).collect()
}
