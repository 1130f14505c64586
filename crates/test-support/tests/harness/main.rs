//! Tests of the harness itself.

mod bus;
mod engine;
mod event_driver;
mod invocations;
mod proxy;
mod stream;
mod transactions;
