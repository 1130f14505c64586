//! The test harness. A [`TestShop`] is an isolated copy of the system: the tables of template.yaml
//! on a DynamoDB engine, a fault-injecting proxy in front of it, an event bus, two queues, and the functions.
//!
//! The engine runs inside the test process, so nothing has to be installed. Set `DYNAMODB_ENDPOINT`
//! to run the same tests against another engine, such as DynamoDB Local.

mod api_request;
mod aws_error;
mod background;
mod bus;
mod clients;
mod deployment;
mod engine;
mod event_driver;
mod event_pattern;
mod fault;
mod fault_injector;
mod fault_rule;
mod function;
mod gate;
pub mod http;
pub mod invocation;
mod metrics_recorder;
mod proxy;
mod queues;
mod raw_dynamodb;
mod request_units;
mod response;
mod seed_data;
mod shop_stock;
mod stream_poller;
mod stream_reader;
mod template;
mod test_shop;

pub use api_request::ApiRequest;
pub use aws_error::AwsError;
pub use bus::{BUS_NAME, Bus, Entry, PublishedEvent};
pub use clients::{REGION, dynamodb_client, eventbridge_client};
pub use deployment::{Deployment, HttpResponse};
pub use engine::engine_counts_units;
pub use event_driver::{DeadLetter, EventDriver, deliver_batch, drain_queue, take_routed_events};
pub use event_pattern::matches_pattern;
pub use fault::{BusBehavior, EntryRejection};
pub use fault_injector::FaultInjector;
pub use fault_rule::FaultRuleBuilder;
pub use function::{Function, HelloWorld, concurrently};
pub use gate::Gate;
pub use invocation::Invocation;
pub use metrics_recorder::MetricsRecorder;
pub use proxy::{Pause, Proxy};
pub use queues::{DEAD_LETTER_QUEUE_URL, ORDER_EVENT_QUEUE_URL, QueuedMessage, Queues};
pub use request_units::RequestUnits;
pub use response::{ApiResponse, batch_item_failures};
pub use stream_poller::StreamPoller;
pub use stream_reader::StreamReader;
pub use template::{
    api_resource, api_routes, consumer_max_attempts, fulfillment_pattern, operation_security,
    order_event_pattern, order_stream_batch_size, stock_event_pattern, stock_stream_filters, stream_filters,
    unhandled_event_pattern, unhandled_stock_event_pattern, unhandled_warehouse_event_pattern,
};
pub use test_shop::{OrderSizes, Snapshot, TableNames, TestShop};
