//! The commands on the tables of a test shop.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod audit;
mod console;
mod orders;
mod stack_file;
mod watch;
