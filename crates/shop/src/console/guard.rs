//! Protects the page against other web pages: a token, and checks of the host and the origin.
//! <https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html>

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// The address of the page with its secret.
#[derive(Debug, Clone)]
pub(super) struct Guard(Arc<Secret>);

#[derive(Debug)]
struct Secret {
    port: u16,
    token: String,
}

impl Guard {
    pub(super) fn new(port: u16, token: String) -> Self {
        Self(Arc::new(Secret { port, token }))
    }

    /// Returns the address to open in a browser.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.0.port, self.0.token)
    }

    /// Returns the name of the cookie. Servers on other ports of this machine share its cookies.
    fn cookie_name(&self) -> String {
        format!("console-{}", self.0.port)
    }

    /// Returns true for a host name of this machine. A page on another host cannot use its name for this address
    /// (DNS rebinding).
    fn is_own_host(&self, host: &str) -> bool {
        ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", self.0.port))
    }

    fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), &'static str> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = header(HOST).unwrap_or_default();
        if !self.is_own_host(host) {
            return Err("the host is not this machine");
        }
        if method != Method::GET && header(ORIGIN) != Some(&format!("http://{host}")) {
            return Err("the request comes from another page");
        }
        Ok(())
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let own = self.cookie_name();
        pairs.any(|(name, value)| name == own && value == self.0.token)
    }
}

/// Lets requests of the page itself pass. The address with the token sets a cookie, which later requests carry.
pub(super) async fn protect(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = respond(&guard, request, next).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn respond(guard: &Guard, request: Request, next: Next) -> Response {
    if let Err(reason) = guard.check(request.method(), request.headers()) {
        return (StatusCode::FORBIDDEN, reason).into_response();
    }
    let token = &guard.0.token;
    if request.uri().path() == "/" && request.uri().query() == Some(&format!("token={token}")) {
        let cookie = format!("{}={token}; HttpOnly; SameSite=Strict; Path=/", guard.cookie_name());
        return (StatusCode::SEE_OTHER, [(LOCATION, "/".to_owned()), (SET_COOKIE, cookie)]).into_response();
    }
    if !guard.has_cookie(request.headers()) {
        return (StatusCode::FORBIDDEN, "open the address that `shop console` printed").into_response();
    }
    next.run(request).await
}
