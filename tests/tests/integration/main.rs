//! The functions on a DynamoDB engine: one program, so that the engine and the
//! SDK are linked once.

mod access;
mod batches;
mod capacity;
mod conservation;
mod contract;
mod cost;
mod document;
mod event_contract;
mod events;
mod harness;
mod hostile;
mod logs;
mod metrics;
mod model;
mod orders_api;
mod overlap;
mod placing;
mod poison;
mod progress;
mod relay;
mod republishing;
mod reserving;
mod story;
