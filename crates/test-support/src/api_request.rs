//! Requests to the API, as API Gateway passes them to a function.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clients::REGION;
use crate::function::Function;
use crate::invocation::{self, Invocation};
use crate::response::ApiResponse;

/// A builder of an API request.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    method: &'static str,
    resource: String,
    path_parameters: Map<String, Value>,
    query: Map<String, Value>,
    headers: Map<String, Value>,
    body: Option<String>,
    body_is_base64: bool,
    claims: Option<Map<String, Value>>,
    trace: Option<String>,
}

impl ApiRequest {
    /// Returns a GET request for a route of the API, such as `/order/{orderId}`.
    #[must_use]
    pub fn get(resource: &str) -> Self {
        Self::new("GET", resource)
    }

    /// Returns a POST request for a route of the API, such as `/order/{orderId}/cancel`.
    #[must_use]
    pub fn post(resource: &str) -> Self {
        Self::new("POST", resource)
    }

    /// Returns a PUT request for a route of the API, such as `/products/{productId}`.
    #[must_use]
    pub fn put(resource: &str) -> Self {
        Self::new("PUT", resource)
    }

    /// Returns a DELETE request for a route of the API, such as `/products/{productId}`.
    #[must_use]
    pub fn delete(resource: &str) -> Self {
        Self::new("DELETE", resource)
    }

    /// Returns a request for a method and a route.
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
            trace: None,
        }
    }

    /// Sets a path parameter, `{name}` in the route.
    #[must_use]
    pub fn path(mut self, name: &str, value: &str) -> Self {
        self.path_parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a body without a content type.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a body in base64, as API Gateway passes binary bodies.
    #[must_use]
    pub fn base64_body(mut self, body: impl Into<String>) -> Self {
        self.body_is_base64 = true;
        self.body(body)
    }

    /// Sets a body with the content type of JSON.
    #[must_use]
    pub fn json(self, body: impl Into<String>) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    /// Adds the claims of a verified token, each as text.
    #[must_use]
    pub fn claims<'a>(mut self, claims: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        self.claims = Some(claims.collect());
        self
    }

    /// Sets X-Ray's tracing header of the invocation.
    #[must_use]
    pub fn trace(self, header: &str) -> Self {
        Self { trace: Some(header.to_owned()), ..self }
    }

    /// Sends the request to a function. Panics if the invocation fails.
    pub async fn send(&self, function: &impl Function) -> ApiResponse {
        ApiResponse::of(&function.invoke(self.invocation()).await.unwrap())
    }

    /// Returns API Gateway's invocation for the request.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
    #[must_use]
    pub fn invocation(&self) -> Invocation {
        let path = self.path_parameters.iter().fold(self.resource.clone(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
        });
        let mut invocation = invocation::from_payload(invocation::raw(&json!({
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
        })));
        invocation.context.xray_trace_id.clone_from(&self.trace);
        invocation
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

/// Replaces an empty map by null, as API Gateway does.
fn or_null(map: &Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { map.clone().into() }
}

fn in_lists(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.clone(), json!([value]))).collect()
}
