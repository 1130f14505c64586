//! Input of malicious clients and event producers. It is rejected or stored as plain data.

use test_support::ApiRequest;

mod bodies;
mod events;
mod headers;
mod identifiers;
mod page_tokens;

const ORDER: &str =
    r#"{"customerId":"001","items":[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]}"#;

/// Invalid identifiers that are expressions, paths, queries or markup in other languages.
const INVALID_IDENTIFIERS: [&str; 30] = [
    "",
    " ",
    "001 ",
    " 001",
    "001\n",
    "001\r\nSet-Cookie: a=b",
    "001\0",
    "\0",
    "\u{7f}",
    "\u{1b}[31m",
    "a' OR '1'='1",
    "001'; DROP TABLE Orders;--",
    "#attr",
    ":v0",
    ":customer",
    "attribute_exists(OrderId)",
    "{\"$gt\":\"\"}",
    "{\"S\":\"001\"}",
    "../",
    "../../etc/passwd",
    "..\\..",
    "%30%30%31",
    "%2e%2e%2f",
    "001?limit=1",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    // Characters that look like 001 and order: full width, Cyrillic, combining, right to left.
    "\u{ff10}\u{ff10}\u{ff11}",
    "\u{43e}rder",
    "0\u{301}01",
    "\u{202e}100",
];

fn place(body: impl Into<String>) -> ApiRequest {
    ApiRequest::post("/order").json(body)
}

fn orders_of(customer: &str) -> ApiRequest {
    ApiRequest::get("/customers/{customerId}/orders").path("customerId", customer)
}

fn base64_url(text: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn nested_arrays(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}
