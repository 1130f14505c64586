//! The operator's program: it works on a deployed stack, the local one or one on AWS.

pub mod api_client;
pub mod audit;
pub mod cli;
pub mod console;
pub mod feed;
pub mod load;
mod rate_limit;
pub mod stack;
pub mod table_reader;
pub mod watch;
