//! Integration tests: the functions against a DynamoDB engine. They are one program, so that the
//! engine and the SDK are linked once.

mod authorization;
mod concurrent_publishing;
mod cost_model;
mod event_schemas;
mod idempotency;
mod logs;
mod malicious_input;
mod metrics;
mod openapi;
mod openapi_document;
mod orders_api;
mod place_order;
mod poison_messages;
mod queue_batches;
mod relay;
mod republish;
mod request_units;
mod reservation;
mod sample_events;
mod state_machine;
mod status_events;
mod stock_conservation;
