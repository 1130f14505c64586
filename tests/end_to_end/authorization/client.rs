//! Clients of the closed API.

use std::time::Duration;

use test_support::{Deployment, HttpResponse};

use crate::ORDER;
use crate::routes::Route;

/// A client application. Its key selects its rate limit.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) api_key: String,
}

impl<'a> Client<'a> {
    /// Returns a client with the API key whose id is this field in the description of the stack.
    pub(crate) fn with_key_of(deployment: &'a Deployment, field: &str) -> Self {
        let key = ["apigateway", "get-api-key", "--include-value", "--api-key", deployment.field(field)];
        let api_key = deployment.aws(&key)["value"].as_str().unwrap().to_owned();
        Self { deployment, api_key }
    }

    pub(crate) async fn send(&self, token: &str, route: &Route) -> HttpResponse {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("x-api-key", &self.api_key)];
        headers.push(("content-type", "application/json"));
        headers.extend(route.idempotency_key.map(|key| ("idempotency-key", key)));
        self.deployment.call(route.method, &route.path, &headers, route.body.as_str()).await
    }

    pub(crate) async fn place(&self, token: &str) -> String {
        let response = self.send(token, &Route::new("POST", "/order", ORDER)).await;
        assert_eq!(response.status(), 201, "{}", response.body());
        response.json()["orderId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn wait_for(&self, token: &str, order: &str, status: &str) {
        let show = Route::get(&format!("/order/{order}"));
        for _ in 0..300 {
            if self.send(token, &show).await.json()["orderStatus"] == status {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{order} does not become {status}");
    }

    /// Returns the routes, each with the status code of its response.
    pub(crate) async fn statuses(&self, token: &str, routes: &[Route]) -> Vec<(String, u16)> {
        let mut statuses = Vec::new();
        for route in routes {
            statuses.push((route.to_string(), self.send(token, route).await.status()));
        }
        statuses
    }
}
