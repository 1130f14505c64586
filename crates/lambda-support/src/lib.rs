//! What every Lambda function here has in common at its edge: telling triggers
//! apart, REST requests and answers, who may send them, errors as problem
//! details, errors as Lambda sees them, logs and metrics.

pub mod access;
pub mod clock;
pub mod cursor;
pub mod failure;
pub mod metrics;
pub mod problem;
pub mod rest;
pub mod telemetry;
pub mod trigger;

pub use access::{Access, Caller, Reach};
pub use failure::Failure;
pub use metrics::{Metric, Metrics};
pub use problem::{Problem, ProblemKind};
pub use rest::{Request, Response};
pub use trigger::{Answer, Trigger};
