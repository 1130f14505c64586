//! Requests that are repeated until they are answered.

use std::time::Duration;

use test_support::ApiResponse;
use tokio::time::sleep;

use crate::system::System;

/// The maximum time before a client repeats a request.
const BEFORE_REPEAT: Duration = Duration::from_millis(100);

impl System {
    /// Repeats an attempt until it returns an answer, and the answer is not lost. `attempt` returns
    /// `None` if the invocation was aborted. `is_answer` gets every response other than 503, lost
    /// responses included.
    pub(crate) async fn until_answered(
        &self,
        attempt: impl AsyncFn() -> Option<ApiResponse>,
        is_answer: impl Fn(&ApiResponse) -> bool,
    ) -> ApiResponse {
        loop {
            self.counters.requests.increment();
            let response = attempt().await.filter(|response| response.status != 503);
            if let Some(response) = response.filter(|response| is_answer(response)) {
                if !self.draw_fault() {
                    return response;
                }
                self.counters.lost_responses.increment();
            }
            self.counters.repeated_requests.increment();
            sleep(self.random_up_to(BEFORE_REPEAT)).await;
        }
    }

    /// Waits until this part of all orders is placed, so that an actor's work is spread over the run.
    pub(crate) async fn wait_for_orders(&self, part: usize, whole: usize) {
        while self.created_responses.borrow().len() * whole < self.settings.orders * part {
            sleep(BEFORE_REPEAT / 4).await;
        }
    }
}
