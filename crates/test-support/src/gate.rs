//! A point at which calls wait until the test lets them continue.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// The maximum time that a test waits for an expected call.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A gate that is closed until [`Gate::open`].
#[derive(Debug, Clone)]
pub struct Gate {
    arrivals: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrivals: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    /// Waits until a call arrives at the gate, and one more call each time. Panics after a timeout.
    pub async fn reached(&self) {
        let arrival = tokio::time::timeout(TIMEOUT, self.arrivals.acquire()).await;
        arrival.expect("no call arrived at the gate").expect("arrivals are never closed").forget();
    }

    /// Lets all calls through from now on.
    pub fn open(&self) {
        self.open.close();
    }

    pub(crate) async fn pass(&self) {
        self.arrivals.add_permits(1);
        // The semaphore never has a permit. Waiting ends with an error when the gate opens.
        let _ = self.open.acquire().await;
    }
}
