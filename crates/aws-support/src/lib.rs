//! How the functions talk to AWS: clients, trust, faults and waiting.

pub mod backoff;
pub mod client;
pub mod environment;
pub mod fault;

pub use backoff::Backoff;
pub use environment::{MissingVariable, required};
pub use fault::Fault;
