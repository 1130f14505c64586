//! Errors as problem documents (RFC 9457).

use std::fmt::Display;

use serde_json::{Value, json};

/// An error response.
#[derive(Debug)]
pub struct Problem {
    pub status: i64,
    kind: &'static str,
    title: &'static str,
    detail: String,
    members: Value,
}

impl Problem {
    /// Creates a problem with additional members.
    pub fn new(status: i64, kind: &'static str, title: &'static str, detail: String, members: Value) -> Self {
        Self { status, kind, title, detail, members }
    }

    /// Creates the problem for a request that breaks rules.
    pub fn invalid(errors: Vec<Value>) -> Self {
        let detail = match errors.len() {
            1 => "1 validation error".to_owned(),
            count => format!("{count} validation errors"),
        };
        Self::new(422, "invalid", "Request validation failed", detail, json!({"errors": errors}))
    }

    /// Logs an unexpected error and creates its problem.
    pub fn internal(error: impl Display) -> Self {
        tracing::error!(%error, "request failed");
        Self::new(500, "internal", "Internal error", "Internal error".to_owned(), json!({}))
    }

    /// Returns the body of the response.
    pub fn document(&self) -> Value {
        let mut document = json!({
            "type": format!("urn:problem-type:ecommerce:{}", self.kind),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        });
        if let (Some(document), Some(members)) = (document.as_object_mut(), self.members.as_object()) {
            document.extend(members.clone());
        }
        document
    }
}

/// Returns an entry of `errors`.
pub fn violation(pointer: &str, rule: &str, detail: &str) -> Value {
    json!({"pointer": pointer, "rule": rule, "detail": detail})
}
