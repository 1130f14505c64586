//! Requests of an API Gateway REST API with proxy integration, and answers to them.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::{CorrelationId, EventId, OrderId};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument as _;

use crate::problem::{Problem, ProblemKind};

/// The largest body that is read, in bytes: fifty line items fit many times over.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Ties together everything that a request sets off; a client may choose it.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// How long a client should wait before it repeats a request, in seconds.
const RETRY_AFTER_SECONDS: u16 = 1;

/// A request to the API.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The route as the API declares it, for example `/order/{orderId}`.
    pub resource: String,
    /// The path that was asked for, with the stage: what a client sees.
    pub path: String,
    headers: HeaderMap,
    path_parameters: HashMap<String, String>,
    query: HashMap<String, String>,
    body: Option<String>,
    body_is_base64: bool,
    request_id: Option<String>,
    authorizer: HashMap<String, Value>,
}

/// Of what a client sent, no slip may get more than this into a log.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, resource, .. } = self;
        f.debug_struct("Request").field("method", method).field("resource", resource).finish_non_exhaustive()
    }
}

impl From<ApiGatewayProxyRequest> for Request {
    fn from(event: ApiGatewayProxyRequest) -> Self {
        let query = event.query_string_parameters;
        Self {
            method: event.http_method,
            resource: event.resource.unwrap_or_default(),
            path: event.request_context.path.or(event.path).unwrap_or_default(),
            headers: event.headers,
            path_parameters: event.path_parameters,
            query: query.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: event.body,
            body_is_base64: event.is_base64_encoded,
            request_id: event.request_context.request_id,
            authorizer: event.request_context.authorizer.fields,
        }
    }
}

impl Request {
    /// A header's value, if it is there. What is no text in it shows as U+FFFD,
    /// so that a broken value is refused by whoever parses it, and not overlooked.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }

    /// A path parameter that is what `T` wants. One that is not cannot name
    /// anything there is, so it reads like an absent one.
    #[must_use]
    pub fn path_parameter<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.path_parameters.get(name)?.parse().ok()
    }

    /// A query parameter.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A claim of the token that API Gateway's Cognito authorizer has verified.
    /// It hands over every claim as text.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.authorizer.get("claims")?.get(name)?.as_str()
    }

    /// The client's `X-Correlation-Id` where it sent a valid one, or else API
    /// Gateway's id of the request.
    #[must_use]
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        let sent = self.header(CORRELATION_ID.as_str());
        [sent.as_deref(), self.request_id.as_deref()].into_iter().flatten().find_map(|text| text.parse().ok())
    }

    /// Answers with what `route` comes to: its response, or its problem. Each
    /// log line on the way carries the route and the correlation id, which the
    /// client gets back, and the ids of order and event once they are recorded
    /// ([`record_order_id`], [`record_event_id`]).
    pub async fn answer_with(&self, route: impl Future<Output = Result<Response, Problem>>) -> Response {
        let correlation_id = self.correlation_id();
        let span = tracing::error_span!(
            "request",
            route = %format_args!("{} {}", self.method, self.resource),
            correlationId = correlation_id.as_ref().map(tracing::field::display),
            orderId = tracing::field::Empty,
            eventId = tracing::field::Empty,
        );
        let response = route.instrument(span.clone()).await.unwrap_or_else(Response::from);
        span.in_scope(|| tracing::info!(status = response.status, "answered"));
        match correlation_id {
            Some(id) => response.with_header(CORRELATION_ID, id.as_str()),
            None => response,
        }
    }

    /// The body, once it is known to be declared as JSON, of a size that is
    /// read, and text.
    ///
    /// # Errors
    /// A [`Problem`] of kind `UnsupportedMediaType`, `TooLarge` or `NotJson`.
    pub fn json_body(&self) -> Result<String, Problem> {
        self.check_media_type()?;
        let raw = self.body.as_deref().unwrap_or_default();
        if !self.body_is_base64 {
            check_size(raw.len())?;
            return Ok(raw.to_owned());
        }
        // Four characters of base64 hold three bytes, so no large text is decoded.
        check_size(raw.trim_end_matches('=').len() * 3 / 4)?;
        let bytes = BASE64_STANDARD.decode(raw).map_err(|_| not_json("the body is not valid base64"))?;
        String::from_utf8(bytes).map_err(|_| not_json("the body is not UTF-8"))
    }

    fn check_media_type(&self) -> Result<(), Problem> {
        let Some(declared) = self.headers.get(CONTENT_TYPE) else {
            return Ok(());
        };
        let essence = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        if essence.trim().eq_ignore_ascii_case("application/json") {
            return Ok(());
        }
        let detail = "send the header Content-Type: application/json";
        Err(Problem::new(ProblemKind::UnsupportedMediaType, detail))
    }
}

/// Tells the log which order the request is about.
pub fn record_order_id(id: &OrderId) {
    tracing::Span::current().record("orderId", tracing::field::display(id));
}

/// Tells the log which event the request calls for.
pub fn record_event_id(id: &EventId) {
    tracing::Span::current().record("eventId", tracing::field::display(id));
}

fn check_size(bytes: usize) -> Result<(), Problem> {
    if bytes <= MAX_BODY_BYTES {
        return Ok(());
    }
    let detail = format!("the body must have at most {MAX_BODY_BYTES} bytes");
    Err(Problem::new(ProblemKind::TooLarge, detail))
}

fn not_json(detail: &str) -> Problem {
    Problem::new(ProblemKind::NotJson, detail)
}

/// An answer of the API.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    headers: HeaderMap,
    body: String,
}

impl Response {
    /// 200 with `body` as JSON.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(200, "application/json", body)
    }

    /// 201 with `body` as JSON and where to find it again.
    pub fn created(location: &str, body: &impl Serialize) -> Self {
        Self::json(201, "application/json", body).with_header(LOCATION, location)
    }

    /// Adds a header; a value that no header can have is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn json(status: u16, media_type: &'static str, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
                Self { status, headers, body }
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                Self { status: 500, headers: HeaderMap::new(), body: String::new() }
            }
        }
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let response = Self::json(problem.kind.status(), "application/problem+json", &problem.document());
        match problem.kind {
            ProblemKind::Busy => response.with_header(RETRY_AFTER, &RETRY_AFTER_SECONDS.to_string()),
            // RFC 6750
            ProblemKind::Unauthorized => response.with_header(WWW_AUTHENTICATE, "Bearer"),
            _ => response,
        }
    }
}

impl From<Response> for ApiGatewayProxyResponse {
    fn from(response: Response) -> Self {
        let mut answer = Self::default();
        answer.status_code = i64::from(response.status);
        answer.headers = response.headers;
        answer.body = Some(response.body.into());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(event: serde_json::Value) -> Request {
        let mut full = serde_json::json!({
            "httpMethod": "POST", "resource": "/order", "path": "/order",
            "requestContext": {"requestId": "gateway-1", "httpMethod": "POST", "identity": {}},
        });
        full.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        serde_json::from_value::<ApiGatewayProxyRequest>(full).unwrap().into()
    }

    fn body_problem(event: serde_json::Value) -> ProblemKind {
        request(event).json_body().unwrap_err().kind
    }

    #[test]
    fn a_body_is_read_plain_or_in_base64() {
        let json = r#"{"a":"ä"}"#;
        let plain = request(serde_json::json!({"body": json}));
        assert_eq!(plain.json_body().unwrap(), json);
        let encoded = BASE64_STANDARD.encode(json);
        let base64 = request(serde_json::json!({"body": encoded, "isBase64Encoded": true}));
        assert_eq!(base64.json_body().unwrap(), json);
        assert_eq!(request(serde_json::json!({})).json_body().unwrap(), "");
    }

    #[test]
    fn a_body_must_be_declared_as_json_if_it_is_declared_at_all() {
        for accepted in ["application/json", "Application/JSON; charset=utf-8", "application/json;v=1"] {
            let event = serde_json::json!({"headers": {"content-type": accepted}, "body": "{}"});
            assert!(request(event).json_body().is_ok(), "{accepted}");
        }
        for refused in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
            let event = serde_json::json!({"headers": {"Content-Type": refused}, "body": "{}"});
            assert_eq!(body_problem(event), ProblemKind::UnsupportedMediaType, "{refused}");
        }
    }

    #[test]
    fn a_body_above_the_limit_is_refused_however_it_is_encoded() {
        let fits = "x".repeat(MAX_BODY_BYTES);
        assert!(request(serde_json::json!({"body": fits})).json_body().is_ok());
        let encoded = BASE64_STANDARD.encode(&fits);
        assert!(request(serde_json::json!({"body": encoded, "isBase64Encoded": true})).json_body().is_ok());

        let large = "x".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(body_problem(serde_json::json!({"body": large})), ProblemKind::TooLarge);
        let encoded = BASE64_STANDARD.encode("x".repeat(1024 * 1024));
        let event = serde_json::json!({"body": encoded, "isBase64Encoded": true});
        assert_eq!(body_problem(event), ProblemKind::TooLarge);
    }

    #[test]
    fn a_body_that_is_no_text_is_not_json() {
        let broken = serde_json::json!({"body": "###", "isBase64Encoded": true});
        assert_eq!(body_problem(broken), ProblemKind::NotJson);
        let encoded = BASE64_STANDARD.encode([0xff, 0xfe]);
        let binary = serde_json::json!({"body": encoded, "isBase64Encoded": true});
        assert_eq!(body_problem(binary), ProblemKind::NotJson);
    }

    #[test]
    fn a_client_may_choose_the_correlation_id() {
        let id = |headers| {
            let request = request(serde_json::json!({"headers": headers}));
            request.correlation_id().map(|id| id.to_string())
        };
        assert_eq!(id(serde_json::json!({"X-Correlation-Id": "mine"})).as_deref(), Some("mine"));
        assert_eq!(id(serde_json::json!({"X-Correlation-Id": "not mine"})).as_deref(), Some("gateway-1"));
        assert_eq!(id(serde_json::json!({})).as_deref(), Some("gateway-1"));
        let bare = request(serde_json::json!({"requestContext": {"httpMethod": "POST", "identity": {}}}));
        assert_eq!(bare.correlation_id(), None);
    }

    #[test]
    fn a_header_that_is_not_ascii_is_not_overlooked() {
        let request = request(serde_json::json!({"headers": {"Idempotency-Key": "ключ"}}));
        assert!(request.header("idempotency-key").is_some());
    }

    #[test]
    fn the_path_is_the_one_with_the_stage() {
        let context = serde_json::json!({"path": "/Prod/order", "httpMethod": "POST", "identity": {}});
        assert_eq!(request(serde_json::json!({"requestContext": context})).path, "/Prod/order");
        assert_eq!(request(serde_json::json!({})).path, "/order");
    }

    #[test]
    fn an_answer_has_the_shape_that_api_gateway_wants() {
        let answer = Response::created("/order/1", &serde_json::json!({"a": 1}));
        let wire = serde_json::to_value(ApiGatewayProxyResponse::from(answer)).unwrap();
        assert_eq!(wire["statusCode"], 201);
        assert_eq!(wire["headers"]["content-type"], "application/json");
        assert_eq!(wire["headers"]["location"], "/order/1");
        assert_eq!(wire["body"], r#"{"a":1}"#);
        assert_eq!(wire["isBase64Encoded"], false);
    }

    #[test]
    fn a_problem_says_so_in_its_media_type_and_a_busy_one_when_to_come_back() {
        let wire = |kind| {
            let response = Response::from(Problem::new(kind, "so it is"));
            serde_json::to_value(ApiGatewayProxyResponse::from(response)).unwrap()
        };
        let busy = wire(ProblemKind::Busy);
        assert_eq!(busy["statusCode"], 503);
        assert_eq!(busy["headers"]["content-type"], "application/problem+json");
        assert_eq!(busy["headers"]["retry-after"], "1");
        assert_eq!(wire(ProblemKind::Internal)["headers"]["retry-after"], serde_json::Value::Null);
        assert_eq!(wire(ProblemKind::Unauthorized)["headers"]["www-authenticate"], "Bearer");
    }

    #[test]
    fn claims_come_from_the_authorizer_alone() {
        let context = |authorizer: serde_json::Value| {
            let context = serde_json::json!({"httpMethod": "POST", "identity": {}, "authorizer": authorizer});
            let claims = r#"{"claims":{"username":"002"}}"#;
            request(
                serde_json::json!({"requestContext": context, "headers": {"username": "002"}, "body": claims}),
            )
        };
        let claims = serde_json::json!({"claims": {"username": "001"}});
        assert_eq!(context(claims).claim("username"), Some("001"));
        for authorizer in
            [serde_json::json!(null), serde_json::json!({}), serde_json::json!({"claims": null})]
        {
            assert_eq!(context(authorizer).claim("username"), None);
        }
    }

    #[test]
    fn a_request_shows_nothing_of_what_was_sent() {
        let sent =
            serde_json::json!({"headers": {"Authorization": "secret"}, "body": "secret", "path": "/secret"});
        assert_eq!(format!("{:?}", request(sent)), r#"Request { method: POST, resource: "/order", .. }"#);
    }
}
