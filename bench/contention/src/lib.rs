//! How the reservation of stock behaves when everybody wants one product.
//!
//! No local engine has DynamoDB's transaction conflicts or the limit of a
//! partition, so a model of both stands before one ([`model`]). The handlers
//! and the SDK above it are the real ones. Time is virtual: what a run
//! measures is the design, not the machine.

pub mod connection;
pub mod design;
pub mod model;
pub mod queue;
pub mod run;
