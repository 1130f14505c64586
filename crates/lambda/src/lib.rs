//! The invocation edge: triggers, responses and errors of a Lambda function, its
//! deadline, logs and metrics.

pub mod clock;
pub mod deadline;
pub mod error;
pub mod metrics;
pub mod operator_request;
pub mod response;
pub mod telemetry;
pub mod trigger;

pub use deadline::Deadline;
pub use error::InvocationError;
pub use metrics::{Metric, Metrics};
pub use operator_request::{
    RepublishOutcome, RepublishReport, RepublishRequest, RepublishedOrder, RepublishedProduct,
};
pub use response::LambdaResponse;
pub use trigger::Trigger;
