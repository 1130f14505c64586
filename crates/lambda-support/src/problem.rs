//! Errors of the API as problem details (RFC 9457).

use domain::Violation;
use serde::Serialize;

/// The prefix of every problem's `type`: a name, not an address.
const TYPE_PREFIX: &str = "urn:problem-type:ecommerce:";

/// Every problem that the API answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The body is not JSON.
    NotJson,
    /// It is not known who sends the request.
    Unauthorized,
    /// The sender may not do this.
    Forbidden,
    /// There is no such thing, or no such route.
    NotFound,
    /// The order's status does not allow the change.
    IllegalChange,
    /// The total that the client stated is not the computed one.
    TotalDiffers,
    /// The body is larger than the API takes.
    TooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// Some fields break some rules.
    Invalid,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// The API cannot answer now; the same request may be sent again.
    Busy,
    /// The API is at fault.
    Internal,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::NotJson,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::IllegalChange,
        Self::TotalDiffers,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::IdempotencyKeyReused,
        Self::Busy,
        Self::Internal,
    ];

    /// The stable `type`.
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
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::Invalid => "invalid",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotJson => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::IllegalChange | Self::TotalDiffers => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid | Self::IdempotencyKeyReused => 422,
            Self::Internal => 500,
            Self::Busy => 503,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NotJson => "The body is not JSON",
            Self::Unauthorized => "Who sends this is not known",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Not found",
            Self::IllegalChange => "The order's status does not allow this",
            Self::TotalDiffers => "The total differs from the computed one",
            Self::TooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body must be declared as application/json",
            Self::Invalid => "The request breaks the rules listed",
            Self::IdempotencyKeyReused => "The idempotency key belongs to another request",
            Self::Busy => "Busy, please try again",
            Self::Internal => "Internal error",
        }
    }
}

/// One answer of the API that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// What happened this time.
    pub detail: String,
    /// The faults, field by field.
    pub errors: Vec<Violation>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
}

impl Problem {
    /// A problem without fields to name.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new() }
    }

    /// There is no such route.
    #[must_use]
    pub fn no_such_route() -> Self {
        Self::new(ProblemKind::NotFound, "there is no such route")
    }

    /// Our fault. The client learns no more than that; the log does.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be served");
        Self::new(ProblemKind::Internal, "the error is ours and was logged")
    }

    /// A request that breaks rules. All of them are counted, and the first
    /// [`Violation::MAX_LISTED`] listed.
    #[must_use]
    pub fn invalid(mut errors: Vec<Violation>) -> Self {
        let detail = match errors.len() {
            1 => "1 rule is broken".to_owned(),
            count => format!("{count} rules are broken"),
        };
        errors.truncate(Violation::MAX_LISTED);
        Self { kind: ProblemKind::Invalid, detail, errors }
    }

    /// The body of the answer, `application/problem+json`.
    pub(crate) fn document(&self) -> impl Serialize + '_ {
        Document {
            r#type: self.kind.uri(),
            title: self.kind.title(),
            status: self.kind.status(),
            detail: &self.detail,
            errors: &self.errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Rule;

    use super::*;

    #[test]
    fn a_problem_is_written_as_rfc_9457_says() {
        let problem = Problem::invalid(vec![Violation::new("#/items", Rule::Empty, "must not be empty")]);
        assert_eq!(
            serde_json::to_string(&problem.document()).unwrap(),
            concat!(
                r#"{"type":"urn:problem-type:ecommerce:invalid","title":"The request breaks the rules listed","#,
                r##""status":422,"detail":"1 rule is broken","errors":[{"pointer":"#/items","rule":"empty","detail":"must not be empty"}]}"##
            )
        );
    }

    #[test]
    fn a_long_list_of_faults_is_counted_and_cut() {
        let fault = Violation::new("#/x", Rule::UnknownField, "is not a field of this request");
        let problem = Problem::invalid(vec![fault; 5000]);
        assert_eq!(problem.detail, "5000 rules are broken");
        assert_eq!(problem.errors.len(), 100);
    }

    #[test]
    fn no_two_problems_share_a_type() {
        let mut types = ProblemKind::ALL.map(ProblemKind::uri).to_vec();
        types.sort();
        types.dedup();
        assert_eq!(types.len(), ProblemKind::ALL.len());
    }
}
