//! The servers of the harness run apart from the tests' own runtimes, so that
//! a test may use any runtime, and block it, without stopping them.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("harness").enable_all();
    builder.build().expect("a runtime for the servers of the harness")
});

/// Something that runs in the background until this is dropped.
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

/// Runs something in the background until it is done, or the process ends.
pub(crate) fn detach(work: impl Future<Output = ()> + Send + 'static) {
    RUNTIME.spawn(work);
}
