//! The operator's program: it works on a deployed stack, the local one or one on AWS.

pub mod audit;
pub mod cli;
pub mod feed;
pub mod load;
mod rate_limit;
pub mod stack;
pub mod watch;
