//! A client of the deployed API.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

use crate::cli::AccessOptions;

/// Time after which a request counts as failed. API Gateway responds within 29 seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Access token and API key for a closed API.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    pub(crate) token: Option<String>,
    pub(crate) api_key: Option<String>,
}

impl From<&AccessOptions> for Access {
    fn from(options: &AccessOptions) -> Self {
        Self { token: options.token.clone(), api_key: options.api_key.clone() }
    }
}

/// A request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiRequest {
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) idempotency_key: String,
}

/// A response, or the kind of a failure.
pub(crate) type ApiResult = Result<(u16, Value), &'static str>;

/// A client that keeps its connections.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    base_url: String,
    access: Access,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl ApiClient {
    pub(crate) fn new(base_url: &str, access: Access) -> std::io::Result<Self> {
        let connector =
            HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base_url: base_url.trim_end_matches('/').to_owned(), access, client })
    }

    /// Sends a POST request once.
    pub(crate) async fn post(&self, request: &ApiRequest) -> ApiResult {
        let send = async {
            let response =
                self.client.request(self.build(request)?).await.map_err(|_| "connection failed")?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|_| "connection lost")?.to_bytes();
            Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
        };
        timeout(TIMEOUT, send).await.unwrap_or(Err("timeout"))
    }

    fn build(&self, request: &ApiRequest) -> Result<Request<Full<Bytes>>, &'static str> {
        let mut builder = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{}", self.base_url, request.path))
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &request.idempotency_key);
        if let Some(token) = &self.access.token {
            builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = &self.access.api_key {
            builder = builder.header("x-api-key", key);
        }
        let body = Full::new(Bytes::from(request.body.clone()));
        builder.body(body).map_err(|_| "invalid request")
    }
}
