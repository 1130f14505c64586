//! Events from the bus. An event is applied directly, or sent to the queue if it meets contention.

use std::time::Instant;

use lambda::clock::millis;
use lambda::trigger::BusEvent;
use lambda::{Deadline, InvocationError, Metrics};
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::apply_error::ApplyError;
use crate::event_queue::EventQueue;
use crate::inbound_event::{InboundEvent, decode};
use crate::outcome::Outcome;
use crate::store::Store;

/// The parts of the function that apply an event from the bus.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventConsumer<'a> {
    /// Store without retries, for the first try.
    pub(crate) first_try: &'a Store,
    /// Store with retries, for an event that the queue does not accept.
    pub(crate) store: &'a Store,
    pub(crate) queue: &'a EventQueue,
    pub(crate) metrics: &'a Metrics,
    pub(crate) deadline: Deadline,
}

impl EventConsumer<'_> {
    /// Applies one event, or sends it to the queue as it came. Applying it again, at any time,
    /// changes nothing. `payload` is the text of `envelope`.
    ///
    /// # Errors
    /// An [`InvocationError`] if the event is neither applied nor in the queue.
    pub(crate) async fn consume(
        self,
        envelope: &BusEvent,
        payload: &RawValue,
    ) -> Result<(), InvocationError> {
        let started = Instant::now();
        let (span, event) = decode(envelope);
        let result = match event {
            Ok(event) => self.apply_or_queue(event, envelope, payload).instrument(span.clone()).await,
            Err(error) => Err(error),
        };
        span.in_scope(|| record_outcome(result, self.metrics, started))
    }

    /// Tries an event once, unless one of its products is contended, and sends it to the queue if
    /// that fails for a transient reason.
    async fn apply_or_queue(
        self,
        event: InboundEvent,
        envelope: &BusEvent,
        payload: &RawValue,
    ) -> Result<Outcome, ApplyError> {
        if !event.products().into_iter().any(|product| self.store.is_contended(product)) {
            match apply_before(self.deadline, event.apply(self.first_try)).await {
                Err(error) if error.is_contention_or_outage() => {
                    tracing::debug!(%error, "first try failed");
                }
                result => return result,
            }
        }
        let Err(error) = self.deadline.run(self.queue.send(payload)).await? else {
            return Ok(Outcome::Queued);
        };
        tracing::warn!(%error, "event not queued");
        // Decoded again, because the first try has used the event up.
        let (_, event) = decode(envelope);
        apply_before(self.deadline, event?.apply(self.store)).await
    }
}

/// Counts and logs the result of an event whose processing started at `started`.
///
/// # Errors
/// An [`InvocationError`] if the event was not applied.
pub(crate) fn record_outcome(
    result: Result<Outcome, ApplyError>,
    metrics: &Metrics,
    started: Instant,
) -> Result<(), InvocationError> {
    let duration_ms = millis(started.elapsed());
    // Counted first, so that the log line contains the metric.
    match result {
        Ok(outcome) => {
            outcome.count(metrics);
            tracing::info!(%outcome, durationMs = duration_ms, "applied");
            Ok(())
        }
        Err(error) => {
            let error = InvocationError::from(error);
            metrics.add_failed(error.error_type, 1);
            tracing::warn!(
                errorType = error.error_type,
                error = error.message,
                durationMs = duration_ms,
                "event not applied"
            );
            Err(error)
        }
    }
}

/// Runs the application of an event until the deadline.
///
/// # Errors
/// The [`ApplyError`] of the application, or that it did not finish before the deadline.
pub(crate) async fn apply_before(
    deadline: Deadline,
    application: impl Future<Output = Result<Outcome, ApplyError>>,
) -> Result<Outcome, ApplyError> {
    deadline.run(application).await?
}
