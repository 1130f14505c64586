//! A runtime for the servers of the harness. It is separate from the runtimes of the tests, so that
//! a test can block its runtime without blocking the servers.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("harness").enable_all();
    builder.build().expect("a runtime for the servers of the harness")
});

/// A background task that stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(RUNTIME.spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a future in the background until it completes or the process ends.
pub(crate) fn detach(work: impl Future<Output = ()> + Send + 'static) {
    RUNTIME.spawn(work);
}
