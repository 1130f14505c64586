//! Detection of attempts whose outcome is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// An interceptor that records lost responses. The SDK repeats a call whose response was
/// lost, and the caller does not see that an earlier attempt may have taken effect.
///
/// Clones share the record, so that it covers several calls of one operation.
#[derive(Debug, Clone, Default)]
pub struct LostResponses(Arc<AtomicBool>);

impl LostResponses {
    /// Returns true if an attempt failed and may have taken effect nevertheless: it has no
    /// response, or a response other than a 4xx. DynamoDB rejects a write with a 4xx.
    #[must_use]
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for LostResponses {
    fn name(&self) -> &'static str {
        "LostResponses"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = !matches!(context.output_or_error(), Some(Ok(_)));
        if failed && !context.response().is_some_and(|response| response.status().is_client_error()) {
            self.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
