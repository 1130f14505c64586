//! Problem details (RFC 9457): every error response of the API.

use aws::ServiceError;
use domain::OrderId;
use serde::Serialize;

use crate::json_reader::BodyError;
use crate::violation::Violation;

/// Prefix of every problem `type`, which is a URN and not an address.
const TYPE_PREFIX: &str = "urn:problem-type:ecommerce:";

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The body is not JSON.
    NotJson,
    /// The request has no valid access token.
    Unauthorized,
    /// The caller is not allowed to do this.
    Forbidden,
    /// The resource or route does not exist.
    NotFound,
    /// The order status does not allow the change.
    IllegalChange,
    /// The expected total does not match the computed total.
    TotalDiffers,
    /// The adjustment takes more than the stock on hand.
    InsufficientStock,
    /// The resource does not match the precondition of the request.
    PreconditionFailed,
    /// The body exceeds the size limit.
    TooLarge,
    /// The media type of the body is not JSON.
    UnsupportedMediaType,
    /// Fields break rules.
    Invalid,
    /// The idempotency key was used for a different request.
    IdempotencyKeyReused,
    /// The service is temporarily unavailable. The request can be retried, unless the problem
    /// names the order that it may have placed.
    Busy,
    /// Internal error.
    Internal,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::NotJson,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::IllegalChange,
        Self::TotalDiffers,
        Self::InsufficientStock,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::IdempotencyKeyReused,
        Self::Busy,
        Self::Internal,
    ];

    /// Returns the stable `type`.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{TYPE_PREFIX}{}", self.slug())
    }

    const fn slug(self) -> &'static str {
        match self {
            Self::NotJson => "not-json",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::IllegalChange => "illegal-change",
            Self::TotalDiffers => "total-differs",
            Self::InsufficientStock => "insufficient-stock",
            Self::PreconditionFailed => "precondition-failed",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::Invalid => "invalid",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }

    /// Returns the HTTP status code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotJson => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::IllegalChange | Self::TotalDiffers | Self::InsufficientStock => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid | Self::IdempotencyKeyReused => 422,
            Self::Internal => 500,
            Self::Busy => 503,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NotJson => "Request body is not valid JSON",
            Self::Unauthorized => "Authentication required",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not found",
            Self::IllegalChange => "Order status does not allow this change",
            Self::TotalDiffers => "Total does not match the catalog",
            Self::InsufficientStock => "Not enough stock",
            Self::PreconditionFailed => "Resource does not match the precondition",
            Self::TooLarge => "Request body too large",
            Self::UnsupportedMediaType => "Content-Type must be application/json",
            Self::Invalid => "Request validation failed",
            Self::IdempotencyKeyReused => "Idempotency key already used for a different request",
            Self::Busy => "Service busy, retry later",
            Self::Internal => "Internal error",
        }
    }
}

/// An error response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Kind of problem.
    pub kind: ProblemKind,
    /// Description of this occurrence.
    pub detail: String,
    /// Violations, for a request that breaks rules.
    pub errors: Vec<Violation>,
    /// Order that the request may have placed, or that an earlier request has placed.
    pub order_id: Option<OrderId>,
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::NotJson(_) => Self::new(ProblemKind::NotJson, error.to_string()),
            BodyError::Invalid(violations) => Self::invalid(violations),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
    #[serde(rename = "orderId", skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a OrderId>,
}

impl Problem {
    /// Creates a problem without violations.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), order_id: None }
    }

    /// Creates the problem of an unknown resource, for example `order`.
    #[must_use]
    pub fn not_found(resource: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("no such {resource}"))
    }

    /// Creates the problem of a request without idempotency key that may have placed an order.
    /// Repeating the request could place a second one.
    #[must_use]
    pub fn outcome_unknown(order_id: OrderId) -> Self {
        let detail = format!(
            "The outcome is unknown: the order may have been placed as {order_id}. \
             Get that order before you place another one, and send an Idempotency-Key to be able to retry."
        );
        Self { order_id: Some(order_id), ..Self::new(ProblemKind::Busy, detail) }
    }

    /// Logs an internal error and creates a problem that reveals nothing about it.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "request failed");
        Self::new(ProblemKind::Internal, "Internal error")
    }

    /// Creates a problem that counts all violations and lists the first
    /// [`Violation::MAX_LISTED`].
    #[must_use]
    pub fn invalid(mut errors: Vec<Violation>) -> Self {
        let detail = match errors.len() {
            1 => "1 validation error".to_owned(),
            count => format!("{count} validation errors"),
        };
        errors.truncate(Violation::MAX_LISTED);
        Self { errors, ..Self::new(ProblemKind::Invalid, detail) }
    }

    /// Returns the response body, `application/problem+json`.
    pub(crate) fn document(&self) -> impl Serialize + '_ {
        Document {
            r#type: self.kind.uri(),
            title: self.kind.title(),
            status: self.kind.status(),
            detail: &self.detail,
            errors: &self.errors,
            order_id: self.order_id.as_ref(),
        }
    }
}

/// Tells the client only whether to retry. The log has the cause.
impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Conflict(_) | ServiceError::Transient(_) => {
                tracing::warn!(%error, "AWS service unavailable");
                let detail = "The outcome is unknown: the request may have taken effect. Retry it.";
                Self::new(ProblemKind::Busy, detail)
            }
            ServiceError::Permanent(_) => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::Rule;

    #[test]
    fn serializes_as_rfc_9457_defines() {
        let problem = Problem::invalid(vec![Violation::new("#/items", Rule::Empty, "must not be empty")]);
        assert_eq!(
            serde_json::to_string(&problem.document()).unwrap(),
            concat!(
                r#"{"type":"urn:problem-type:ecommerce:invalid","title":"Request validation failed","#,
                r##""status":422,"detail":"1 validation error","errors":[{"pointer":"#/items","rule":"empty","detail":"must not be empty"}]}"##
            )
        );
    }

    #[test]
    fn names_the_order_that_may_have_been_placed() {
        let problem = Problem::outcome_unknown("o-1".parse().unwrap());
        let document = serde_json::to_value(problem.document()).unwrap();
        assert_eq!((&document["status"], &document["orderId"]), (&503.into(), &"o-1".into()));
    }

    #[test]
    fn truncates_a_long_list_of_violations() {
        let violation = Violation::new("#/x", Rule::UnknownField, "unknown field");
        let problem = Problem::invalid(vec![violation; 5000]);
        assert_eq!(problem.detail, "5000 validation errors");
        assert_eq!(problem.errors.len(), 100);
    }

    #[test]
    fn every_kind_has_its_own_type() {
        let mut types = ProblemKind::ALL.map(ProblemKind::uri).to_vec();
        types.sort();
        types.dedup();
        assert_eq!(types.len(), ProblemKind::ALL.len());
    }

    #[test]
    fn only_a_temporary_error_asks_the_client_to_retry() {
        let kind = |error: ServiceError| Problem::from(error).kind;
        assert_eq!(kind(ServiceError::Conflict("x".into())), ProblemKind::Busy);
        assert_eq!(kind(ServiceError::Transient("x".into())), ProblemKind::Busy);
        assert_eq!(kind(ServiceError::Permanent("x".into())), ProblemKind::Internal);
    }

    #[test]
    fn reveals_no_details_of_an_internal_error() {
        let problem = Problem::from(ServiceError::Permanent("table Orders-1 at 10.0.0.1".into()));
        assert_eq!(problem.detail, "Internal error");
    }
}
