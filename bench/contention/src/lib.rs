//! Stock reservation when many orders contain the same product.
//!
//! No local engine has DynamoDB's transaction conflicts or the write limit of a
//! partition. A [`model`] of both stands in front of an embedded engine. The
//! handlers and the AWS SDK above it are the real ones. Time is virtual, so the
//! figures describe the design and not the machine.

pub mod client;
pub mod design;
pub mod event_queue;
pub mod function_instance;
pub mod model;
pub mod orders;
pub mod queue;
pub mod report;
pub mod simulation;
mod single_item;
pub mod sweep;
