//! How the functions talk to AWS: clients, trust, faults, waiting and how long to.

pub mod backoff;
pub mod client;
pub mod deadline;
pub mod environment;
pub mod fault;

pub use backoff::Backoff;
pub use deadline::Deadline;
pub use environment::{MissingVariable, required};
pub use fault::Fault;
