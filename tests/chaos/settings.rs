//! Settings of the chaos test.

use std::env;
use std::fmt::Display;
use std::str::FromStr;

use fastrand::Rng;

/// The products that are in the catalog and in stock from the start.
pub(crate) const PRODUCTS: usize = 20;
/// The products that the catalog gains during the run. No order has them.
pub(crate) const NEW_PRODUCTS: usize = 4;
pub(crate) const CUSTOMERS: usize = 10;

/// An odd factor that spreads consecutive numbers over all seeds.
const SEED_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

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

    /// Returns the initial units of each product. With the goods that arrive they are enough for most
    /// orders, but not for all.
    pub(crate) fn initial_stock(self) -> u64 {
        u64::try_from(self.orders * 5 / 2 / PRODUCTS).unwrap() + 1
    }

    /// Returns the number of adjustments.
    pub(crate) const fn adjustments(self) -> usize {
        self.orders / 5
    }

    /// Returns the number of receipts of goods.
    pub(crate) const fn receipts(self) -> usize {
        self.orders / 20
    }

    /// Returns how often each editor changes each record.
    pub(crate) const fn edits(self) -> usize {
        1 + self.orders / 500
    }

    /// Returns a generator of random numbers for one actor of a run.
    pub(crate) fn rng(self, actor: &str, n: usize) -> Rng {
        let bytes = actor.bytes().chain(n.to_le_bytes());
        let mixed = bytes.fold(self.seed, |mixed, byte| (mixed ^ u64::from(byte)).wrapping_mul(SEED_FACTOR));
        Rng::with_seed(mixed)
    }
}

fn setting<T: FromStr<Err: Display>>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        _ => default,
    }
}
