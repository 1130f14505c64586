//! Responses to an API Gateway REST API with Lambda proxy integration.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use crate::problem::{Problem, ProblemKind};

/// Delay before a client should retry, in seconds.
const RETRY_AFTER_SECONDS: u16 = 1;

/// A response of the API.
#[derive(Debug)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    headers: HeaderMap,
    body: String,
}

impl Response {
    /// Creates a 200 response with a JSON body.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(200, "application/json", body)
    }

    /// Creates a 201 response with a JSON body and the location of the new resource.
    pub fn created(location: &str, body: &impl Serialize) -> Self {
        Self::json(201, "application/json", body).with_header(LOCATION, location)
    }

    /// Creates a response with a JSON body.
    pub fn with_body(status: u16, body: &impl Serialize) -> Self {
        Self::json(status, "application/json", body)
    }

    /// Creates a response without a body.
    #[must_use]
    pub fn without_body(status: u16) -> Self {
        Self { status, headers: HeaderMap::new(), body: String::new() }
    }

    /// Adds a header. An invalid value is ignored.
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
                tracing::error!(%error, "response not serializable");
                Self { status: 500, headers: HeaderMap::new(), body: String::new() }
            }
        }
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let response = Self::json(problem.kind.status(), "application/problem+json", &problem.document());
        match problem.kind {
            // A retry could place a second order.
            ProblemKind::Busy if problem.order_id.is_some() => response,
            ProblemKind::Busy => response.with_header(RETRY_AFTER, &RETRY_AFTER_SECONDS.to_string()),
            // https://www.rfc-editor.org/rfc/rfc6750#section-3
            ProblemKind::Unauthorized => response.with_header(WWW_AUTHENTICATE, "Bearer"),
            _ => response,
        }
    }
}

impl From<Response> for ApiGatewayProxyResponse {
    fn from(response: Response) -> Self {
        let mut proxy_response = Self::default();
        proxy_response.status_code = i64::from(response.status);
        proxy_response.headers = response.headers;
        proxy_response.body = Some(response.body.into());
        proxy_response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_to_an_api_gateway_proxy_response() {
        let response = Response::created("/order/1", &serde_json::json!({"a": 1}));
        let wire = serde_json::to_value(ApiGatewayProxyResponse::from(response)).unwrap();
        assert_eq!(wire["statusCode"], 201);
        assert_eq!(wire["headers"]["content-type"], "application/json");
        assert_eq!(wire["headers"]["location"], "/order/1");
        assert_eq!(wire["body"], r#"{"a":1}"#);
        assert_eq!(wire["isBase64Encoded"], false);
    }

    #[test]
    fn a_response_without_a_body_has_no_media_type() {
        let response = Response::without_body(204);
        let wire = serde_json::to_value(ApiGatewayProxyResponse::from(response)).unwrap();
        assert_eq!((&wire["statusCode"], &wire["body"]), (&204.into(), &"".into()));
        assert_eq!(wire["headers"], serde_json::json!({}));
    }

    #[test]
    fn a_problem_sets_its_media_type_and_headers() {
        let wire = |kind| {
            let response = Response::from(Problem::new(kind, "reason"));
            serde_json::to_value(ApiGatewayProxyResponse::from(response)).unwrap()
        };
        let busy = wire(ProblemKind::Busy);
        assert_eq!(busy["statusCode"], 503);
        assert_eq!(busy["headers"]["content-type"], "application/problem+json");
        assert_eq!(busy["headers"]["retry-after"], "1");
        let unknown = Response::from(Problem::outcome_unknown("o-1".parse().unwrap()));
        let unknown = serde_json::to_value(ApiGatewayProxyResponse::from(unknown)).unwrap();
        assert_eq!(unknown["headers"]["retry-after"], serde_json::Value::Null);
        assert_eq!(wire(ProblemKind::Internal)["headers"]["retry-after"], serde_json::Value::Null);
        assert_eq!(wire(ProblemKind::Unauthorized)["headers"]["www-authenticate"], "Bearer");
    }
}
