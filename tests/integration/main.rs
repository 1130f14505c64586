//! Integration tests: the functions against a DynamoDB engine. They are one program, so that the
//! engine and the SDK are linked once.

mod adjustments;
mod authorization;
mod change_status;
mod concurrent_publishing;
mod cost_model;
mod documentation;
mod event_schemas;
mod idempotency;
mod logs;
mod malicious_input;
mod metrics;
mod openapi;
mod operations_guide;
mod order_confirmed;
mod place_order;
mod poison_messages;
mod queue_batches;
mod records;
mod relay;
mod reorder_point;
mod republish;
mod republish_stock;
mod request_units;
mod reservation;
mod routing;
mod sample_events;
mod show_orders;
mod show_products;
mod state_machine;
mod status_events;
mod stock_conservation;
mod stock_receipts;
mod stock_relay;
mod stock_revision;
mod strict_schema;
