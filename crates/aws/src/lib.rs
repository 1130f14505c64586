//! Access to AWS services: client configuration, TLS trust, error classification
//! and retries.

pub mod client;
pub mod environment;
pub mod lost_response;
pub mod retry;
pub mod service_error;

pub use environment::{MissingVariableError, require_env};
pub use lost_response::LostResponses;
pub use retry::RetryPolicy;
pub use service_error::ServiceError;
