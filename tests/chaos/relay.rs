//! The streams of both tables, and the relays that publish their events.

use std::rc::Rc;
use std::time::Duration;

use test_support::{Function, StreamPoller, TestShop, take_routed_events};
use tokio::time::sleep;

use crate::delivery::Delivery;
use crate::outage::MAX_ATTEMPTS_IN_OUTAGE;
use crate::system::System;

/// The time between two polls of the streams. Lambda waits 250 ms.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The number of polls from one check of the tables to the next.
const POLLS_PER_CHECK: usize = 4;

/// Failed attempts after which the relay would never publish a batch. Lambda does not count attempts.
const MAX_FAILED_ATTEMPTS: u64 = 100;

/// The streams of both tables.
pub(crate) struct Streams {
    orders: Stream,
    stock: Stream,
}

struct Stream {
    poller: StreamPoller,
    failed_attempts: u64,
    /// True if its records expire in the long outage of EventBridge.
    expires: bool,
}

impl Streams {
    pub(crate) async fn new(shop: &TestShop) -> Self {
        let stream = |poller, expires| Stream { poller, failed_attempts: 0, expires };
        Self {
            orders: stream(StreamPoller::new(shop).await, true),
            stock: stream(StreamPoller::of_stock(shop).await, false),
        }
    }
}

impl System {
    /// Polls the streams, relays their records, delivers the published events and checks the tables
    /// from time to time, until no task runs and no record is pending.
    pub(crate) async fn run_until_idle(self: &Rc<Self>, streams: &mut Streams) {
        for poll in 1.. {
            let idle = self.tasks.borrow().is_empty();
            let relayed = [
                self.relay(&mut streams.orders, &self.orders).await,
                self.relay(&mut streams.stock, &self.inventory).await,
            ];
            let queued = self.poll_queue();
            if idle && relayed == [false, false] && !queued {
                return;
            }
            for event in take_routed_events(&self.shop.bus) {
                self.deliver(Delivery::published(&event));
            }
            if poll % POLLS_PER_CHECK == 0 {
                self.check_cut().await;
            }
            sleep(POLL_INTERVAL).await;
            while let Some(ended) = self.tasks.borrow_mut().try_join_next() {
                ended.unwrap();
            }
        }
    }

    /// Invokes a function with the next records of a stream until all are processed, or once in the long
    /// outage. Returns false if there are none.
    async fn relay(&self, stream: &mut Stream, function: &impl Function) -> bool {
        let found = stream.poller.poll_page().await;
        while stream.poller.pending_records() > 0 {
            self.counters.batches.increment();
            if self.run_or_abort(stream.poller.invoke(function)).await == Some(true) {
                stream.failed_attempts = 0;
                continue;
            }
            self.counters.retried_batches.increment();
            stream.failed_attempts += 1;
            if self.is_out.get() {
                self.expire_if_too_old(stream);
                return true;
            }
            assert!(stream.failed_attempts < MAX_FAILED_ATTEMPTS, "the batch never succeeds");
        }
        found
    }

    fn expire_if_too_old(&self, stream: &mut Stream) {
        if stream.failed_attempts >= MAX_ATTEMPTS_IN_OUTAGE {
            stream.failed_attempts = 0;
            if stream.expires {
                self.keep_expired(&stream.poller.expire());
            }
        }
    }
}
