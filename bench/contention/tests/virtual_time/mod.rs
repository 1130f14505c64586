//! A runtime whose clock is paused.

use std::future::Future;

/// Runs a test in virtual time, with seeded random numbers.
pub(crate) fn in_virtual_time<T>(test: impl Future<Output = T>) -> T {
    fastrand::seed(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test)
}
