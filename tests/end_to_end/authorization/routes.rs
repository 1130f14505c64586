//! The routes of the API, and the status code that each caller gets.

use std::fmt;

use crate::{EMAIL, ORDER};

/// A request to a route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) idempotency_key: Option<&'static str>,
    expected: Expected,
}

/// The status codes for valid tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected {
    /// Customer 002.
    pub(crate) other_customer: u16,
    pub(crate) fulfillment: u16,
    /// Customer 001, who placed the order.
    pub(crate) customer: u16,
    pub(crate) admin: u16,
}

impl Route {
    pub(crate) fn new(method: &'static str, path: &str, body: &str) -> Self {
        let (path, body) = (path.to_owned(), body.to_owned());
        Self { method, path, body, idempotency_key: None, expected: Expected::default() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path, "")
    }

    /// Sets the status codes of another customer, fulfillment, the customer and an administrator.
    fn expect(self, [other_customer, fulfillment, customer, admin]: [u16; 4]) -> Self {
        Self { expected: Expected { other_customer, fulfillment, customer, admin }, ..self }
    }

    fn with_key(self, key: &'static str) -> Self {
        Self { idempotency_key: Some(key), ..self }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Returns the expected responses of a caller.
pub(crate) fn expected(routes: &[Route], of_caller: impl Fn(Expected) -> u16) -> Vec<(String, u16)> {
    routes.iter().map(|route| (route.to_string(), of_caller(route.expected))).collect()
}

/// Returns all routes, in the order of the requests: fulfillment ships and delivers the order of the
/// customer, so the customer can no longer cancel it.
pub(crate) fn routes(order: &str) -> Vec<Route> {
    let order = |action: &str| format!("/order/{order}{action}");
    let customer = format!(r#"{{"email":"{EMAIL}","name":"Alice Johnson"}}"#);
    let product = r#"{"name":"Charger","price":9.99}"#;
    let adjustment = r#"{"delta":5,"reason":"received"}"#;
    vec![
        Route::get("/hello").expect([200; 4]),
        Route::get("/products").expect([200; 4]),
        Route::get("/products/001").expect([200; 4]),
        Route::get("/inventory").expect([200; 4]),
        Route::get("/inventory/001").expect([200; 4]),
        Route::get("/customers/001/orders").expect([403, 403, 200, 403]),
        Route::get(&order("")).expect([404, 200, 200, 403]),
        Route::new("POST", "/order", ORDER).expect([403, 403, 201, 403]),
        Route::get("/orders?status=Confirmed").expect([403, 200, 403, 403]),
        Route::new("POST", &order("/ship"), r#"{"carrier":"DHL"}"#).expect([403, 200, 403, 403]),
        Route::new("POST", &order("/deliver"), "").expect([403, 200, 403, 403]),
        Route::new("POST", &order("/cancel"), "").expect([404, 403, 409, 403]),
        Route::new("PUT", "/customers/001", &customer).expect([403, 403, 200, 200]),
        Route::get("/customers/001").expect([403, 403, 200, 200]),
        Route::new("DELETE", "/customers/404", "").expect([403, 403, 403, 404]),
        Route::new("PUT", "/products/003", product).expect([403, 403, 403, 201]),
        Route::new("POST", "/inventory/003/adjustments", adjustment)
            .with_key("access-1")
            .expect([403, 403, 403, 201]),
        Route::new("PATCH", "/inventory/001", r#"{"reorderPoint":1}"#).expect([403, 403, 403, 200]),
        Route::get("/inventory/001/adjustments").expect([403, 403, 403, 200]),
        Route::get("/inventory/001/adjustments/404").expect([403, 403, 403, 404]),
        Route::new("DELETE", "/products/003", "").expect([403, 403, 403, 204]),
    ]
}
