//! A client of the deployed API.

use std::time::Duration;

use clap::Args;
use domain::{OrderId, ProductId};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Time after which a request counts as failed. API Gateway responds within 29 seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Access to a closed API.
#[derive(Debug, Clone, Default, Args)]
pub struct Access {
    /// Access token for a closed API
    #[arg(long, env = "SHOP_ACCESS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// API key for a closed API
    #[arg(long, env = "SHOP_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<String>,
}

/// A request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiRequest {
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) idempotency_key: String,
}

impl ApiRequest {
    fn new(path: String, body: Option<&Value>, idempotency_key: String) -> Self {
        Self { path, body: body.map(Value::to_string).unwrap_or_default(), idempotency_key }
    }

    /// Returns the request to place an order of one product.
    pub(crate) fn place_order(customer: &str, product: &str, quantity: u32, key: String) -> Self {
        let items = json!([{"productId": product, "quantity": quantity}]);
        Self::new("/order".to_owned(), Some(&json!({"customerId": customer, "items": items})), key)
    }

    /// Returns the request to cancel an order.
    pub(crate) fn cancel(order: &OrderId, key: String) -> Self {
        Self::new(format!("/order/{order}/cancel"), None, key)
    }

    /// Returns the request to ship an order.
    pub(crate) fn ship(order: &OrderId, carrier: &str, tracking_number: &str, key: String) -> Self {
        let shipment = json!({"carrier": carrier, "trackingNumber": tracking_number});
        Self::new(format!("/order/{order}/ship"), Some(&shipment), key)
    }

    /// Returns the request to report that an order was delivered.
    pub(crate) fn deliver(order: &OrderId, key: String) -> Self {
        Self::new(format!("/order/{order}/deliver"), None, key)
    }

    /// Returns the request to add units to the stock of a product.
    pub(crate) fn restock(product: &ProductId, units: u32, key: String) -> Self {
        let adjustment = json!({"delta": units, "reason": "received"});
        Self::new(format!("/inventory/{product}/adjustments"), Some(&adjustment), key)
    }
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
