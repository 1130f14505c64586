//! Requests of an API Gateway REST API with Lambda proxy integration.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::Instant;

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::{CorrelationId, EventId, OrderId, TraceParent};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method};
use serde_json::Value;
use tracing::Instrument as _;

use crate::problem::{Problem, ProblemKind};
use crate::response::Response;

/// Maximum size of a request body in bytes. An order with 50 lines needs a small part of it.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Header that correlates a request with its events and log lines. Clients may set it.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// A request to the API.
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Route as declared in the template, for example `/order/{orderId}`.
    pub resource: String,
    /// Requested path including the stage, as the client sees it.
    pub path: String,
    headers: HeaderMap,
    /// All values of each header. `headers` has only the last value of a repeated header.
    multi_value_headers: HeaderMap,
    path_parameters: HashMap<String, String>,
    query: HashMap<String, String>,
    body: Option<String>,
    body_is_base64: bool,
    request_id: Option<String>,
    authorizer: HashMap<String, Value>,
    /// Trace of the request, if it is recorded.
    pub traceparent: Option<TraceParent>,
}

/// Redacted so that request data cannot leak into logs.
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
            multi_value_headers: event.multi_value_headers,
            path_parameters: event.path_parameters,
            query: query.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: event.body,
            body_is_base64: event.is_base64_encoded,
            request_id: event.request_context.request_id,
            authorizer: event.request_context.authorizer.fields,
            traceparent: None,
        }
    }
}

impl Request {
    /// Returns a header value. Bytes that are not UTF-8 become U+FFFD, so that the
    /// parser rejects a malformed value instead of treating it as absent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }

    /// Returns the list in a header, joined if the header is repeated (RFC 9110, section 5.3).
    /// Bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn header_list(&self, name: &HeaderName) -> Option<String> {
        let values = self.multi_value_headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        if values.is_empty() {
            self.header(name.as_str()).map(Cow::into_owned)
        } else {
            Some(values.join(","))
        }
    }

    /// Parses a path parameter. Returns `None` for an invalid id, because no resource
    /// can have it.
    #[must_use]
    pub fn path_parameter<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.path_parameters.get(name)?.parse().ok()
    }

    /// Returns a query parameter.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Returns a claim of the token that the Cognito authorizer of API Gateway has
    /// verified. The authorizer passes every claim as text.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.authorizer.get("claims")?.get(name)?.as_str()
    }

    /// Returns the client's `X-Correlation-Id` if it is valid, otherwise the request id
    /// of API Gateway.
    #[must_use]
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        let sent = self.header(CORRELATION_ID.as_str());
        [sent.as_deref(), self.request_id.as_deref()].into_iter().flatten().find_map(|text| text.parse().ok())
    }

    /// Runs `handler` and returns its response or problem, with the correlation id as
    /// a header. Log lines carry the route, the correlation id and the ids recorded by
    /// [`record_order_id`] and [`record_event_id`].
    pub async fn respond(&self, handler: impl Future<Output = Result<Response, Problem>>) -> Response {
        let correlation_id = self.correlation_id();
        let span = tracing::error_span!(
            "request",
            route = %format_args!("{} {}", self.method, self.resource),
            correlationId = correlation_id.as_ref().map(tracing::field::display),
            orderId = tracing::field::Empty,
            eventId = tracing::field::Empty,
        );
        let started = Instant::now();
        let response = handler.instrument(span.clone()).await.unwrap_or_else(Response::from);
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        span.in_scope(|| tracing::info!(status = response.status, durationMs = duration_ms, "answered"));
        match correlation_id {
            Some(id) => response.with_header(CORRELATION_ID, id.as_str()),
            None => response,
        }
    }

    /// Returns the body after checking its media type, size and encoding.
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
        // Four characters of base64 encode three bytes: oversized bodies are not decoded.
        check_size(raw.trim_end_matches('=').len() * 3 / 4)?;
        let bytes = BASE64_STANDARD.decode(raw).map_err(|_| not_json("request body is not valid base64"))?;
        String::from_utf8(bytes).map_err(|_| not_json("request body is not UTF-8"))
    }

    /// Returns the body after the checks of [`Request::json_body`], or `None` for a request
    /// without a body. Then the media type does not matter.
    ///
    /// # Errors
    /// See [`Request::json_body`].
    pub fn optional_json_body(&self) -> Result<Option<String>, Problem> {
        match self.body.as_deref() {
            None | Some("") => Ok(None),
            Some(_) => self.json_body().map(Some),
        }
    }

    fn check_media_type(&self) -> Result<(), Problem> {
        let Some(declared) = self.headers.get(CONTENT_TYPE) else {
            return Ok(());
        };
        let media_type = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        if media_type.trim().eq_ignore_ascii_case("application/json") {
            return Ok(());
        }
        let detail = "set Content-Type to application/json";
        Err(Problem::new(ProblemKind::UnsupportedMediaType, detail))
    }
}

/// Records the order id in the log lines of the request.
pub fn record_order_id(id: &OrderId) {
    tracing::Span::current().record("orderId", tracing::field::display(id));
}

/// Records the event id in the log lines of the request.
pub fn record_event_id(id: &EventId) {
    tracing::Span::current().record("eventId", tracing::field::display(id));
}

fn check_size(bytes: usize) -> Result<(), Problem> {
    if bytes <= MAX_BODY_BYTES {
        return Ok(());
    }
    let detail = format!("request body must not exceed {MAX_BODY_BYTES} bytes");
    Err(Problem::new(ProblemKind::TooLarge, detail))
}

fn not_json(detail: &str) -> Problem {
    Problem::new(ProblemKind::NotJson, detail)
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
    fn decodes_plain_and_base64_bodies() {
        let json = r#"{"a":"ä"}"#;
        let plain = request(serde_json::json!({"body": json}));
        assert_eq!(plain.json_body().unwrap(), json);
        let encoded = BASE64_STANDARD.encode(json);
        let base64 = request(serde_json::json!({"body": encoded, "isBase64Encoded": true}));
        assert_eq!(base64.json_body().unwrap(), json);
        assert_eq!(request(serde_json::json!({})).json_body().unwrap(), "");
    }

    #[test]
    fn a_request_without_a_body_needs_no_media_type() {
        let headers = serde_json::json!({"Content-Type": "text/plain"});
        for body in [serde_json::json!(null), serde_json::json!("")] {
            let event = serde_json::json!({"headers": headers, "body": body});
            assert_eq!(request(event).optional_json_body().unwrap(), None);
        }
        let sent = request(serde_json::json!({"headers": headers, "body": "{}"}));
        let rejected = sent.optional_json_body().unwrap_err();
        assert_eq!(rejected.kind, ProblemKind::UnsupportedMediaType);
        let sent = request(serde_json::json!({"body": "{}"}));
        assert_eq!(sent.optional_json_body().unwrap().as_deref(), Some("{}"));
    }

    #[test]
    fn accepts_json_and_absent_content_types_only() {
        for accepted in ["application/json", "Application/JSON; charset=utf-8", "application/json;v=1"] {
            let event = serde_json::json!({"headers": {"content-type": accepted}, "body": "{}"});
            assert!(request(event).json_body().is_ok(), "{accepted}");
        }
        for rejected in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
            let event = serde_json::json!({"headers": {"Content-Type": rejected}, "body": "{}"});
            assert_eq!(body_problem(event), ProblemKind::UnsupportedMediaType, "{rejected}");
        }
    }

    #[test]
    fn rejects_a_body_above_the_limit_in_either_encoding() {
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
    fn rejects_a_body_that_is_not_text() {
        let broken = serde_json::json!({"body": "###", "isBase64Encoded": true});
        assert_eq!(body_problem(broken), ProblemKind::NotJson);
        let encoded = BASE64_STANDARD.encode([0xff, 0xfe]);
        let binary = serde_json::json!({"body": encoded, "isBase64Encoded": true});
        assert_eq!(body_problem(binary), ProblemKind::NotJson);
    }

    #[test]
    fn uses_a_valid_correlation_id_of_the_client() {
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
    fn reads_a_header_that_is_not_ascii() {
        let request = request(serde_json::json!({"headers": {"Idempotency-Key": "ключ"}}));
        assert!(request.header("idempotency-key").is_some());
    }

    #[test]
    fn joins_the_values_of_a_repeated_header() {
        let list = |event| request(event).header_list(&http::header::IF_MATCH);
        let repeated = serde_json::json!({"If-Match": ["a", "b"]});
        let last = serde_json::json!({"If-Match": "b"});
        let both = serde_json::json!({"headers": last, "multiValueHeaders": repeated});
        assert_eq!(list(both).as_deref(), Some("a,b"));
        assert_eq!(list(serde_json::json!({"headers": last})).as_deref(), Some("b"));
        assert_eq!(list(serde_json::json!({})), None);
    }

    #[test]
    fn prefers_the_path_with_the_stage() {
        let context = serde_json::json!({"path": "/Prod/order", "httpMethod": "POST", "identity": {}});
        assert_eq!(request(serde_json::json!({"requestContext": context})).path, "/Prod/order");
        assert_eq!(request(serde_json::json!({})).path, "/order");
    }

    #[test]
    fn reads_claims_only_from_the_authorizer() {
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
    fn debug_output_contains_no_request_data() {
        let sent =
            serde_json::json!({"headers": {"Authorization": "secret"}, "body": "secret", "path": "/secret"});
        assert_eq!(format!("{:?}", request(sent)), r#"Request { method: POST, resource: "/order", .. }"#);
    }
}
