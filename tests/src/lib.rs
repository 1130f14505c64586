//! What the integration tests stand on: a shop of their own each, with the
//! tables of template.yaml on a DynamoDB engine, a bus that takes events, a
//! proxy that makes DynamoDB fail on demand, and the calls that AWS would make.
//!
//! Nothing has to be installed: the engine runs inside the test process. With
//! `DYNAMODB_ENDPOINT` set, the same tests run against that endpoint instead,
//! for example DynamoDB Local.

mod aws_error;
mod background;
mod bus;
pub mod call;
mod clients;
mod deployment;
mod engine;
pub mod http;
mod meter;
mod pattern;
mod proxy;
mod pump;
mod seed;
mod shop;
mod stream;
mod template;
mod units;
mod weather;
mod wire;

pub use aws_error::AwsError;
pub use bus::{BUS_NAME, Bus, Entry, Published, Reaction};
pub use call::{Function, HelloWorld, Reply, at_once};
pub use clients::{REGION, dynamodb_client, eventbridge_client};
pub use deployment::{Answer, Deployment};
pub use engine::counts_units;
pub use meter::Meter;
pub use pattern::matches;
pub use proxy::{Gate, On, Proxy};
pub use pump::{DeadLetter, Poller, Pump, routed};
pub use shop::{Shop, Snapshot, TableNames};
pub use stream::StreamReader;
pub use template::{
    api, api_routes, consumer_tries, dead_letter_queue_senders, order_event_pattern, secured_operations,
    stream_filters, stream_tries, unhandled_event_pattern,
};
pub use units::Units;
pub use weather::Weather;
