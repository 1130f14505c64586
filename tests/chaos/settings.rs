//! Settings of the chaos test.

use std::env;
use std::fmt::Display;
use std::str::FromStr;

pub(crate) const PRODUCTS: usize = 20;
pub(crate) const CUSTOMERS: usize = 10;

/// The number of orders, the seed and the share of faults.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) orders: usize,
    pub(crate) seed: u64,
    /// The percentage of calls, invocations, responses and deliveries that fail.
    pub(crate) faults: u32,
}

impl Settings {
    pub(crate) fn from_env() -> Self {
        Self {
            orders: setting("STORM_ORDERS", 500),
            seed: setting("STORM_SEED", 1),
            faults: setting("STORM_FAULTS", 10),
        }
    }

    /// Returns the share of faults, from 0 to 1.
    pub(crate) fn fault_share(self) -> f64 {
        f64::from(self.faults) / 100.0
    }

    /// Returns the initial units of each product, which are enough for most orders, but not for all.
    pub(crate) fn initial_stock(self) -> u64 {
        u64::try_from(self.orders * 3 / PRODUCTS).unwrap() + 1
    }
}

fn setting<T: FromStr<Err: Display>>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        _ => default,
    }
}
