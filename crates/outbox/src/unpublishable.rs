//! Events that can never be published.

use domain::EventKind;
use dynamodb::ItemDecodeError;
use lambda::RepublishOutcome;

/// A permanent error that prevents the publication of an event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpublishableError {
    #[error(transparent)]
    InvalidItem(#[from] ItemDecodeError),
    #[error("order lacks data required by an event of type {0}")]
    Incomplete(EventKind),
    #[error(transparent)]
    NotJson(#[from] serde_json::Error),
    #[error("EventBridge rejects the event with {0}")]
    Rejected(String),
}

impl UnpublishableError {
    /// Returns the kind of error, a stable name.
    pub(crate) const fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidItem(_) => "BadItem",
            Self::Incomplete(_) => "Incomplete",
            Self::NotJson(_) => "NotJson",
            Self::Rejected(_) => "Refused",
        }
    }
}

impl From<UnpublishableError> for RepublishOutcome {
    fn from(error: UnpublishableError) -> Self {
        Self::Unpublishable { error_type: error.error_type(), reason: error.to_string() }
    }
}
