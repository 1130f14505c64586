//! The functions under test behind one trait.

use std::future::Future;

use api::AuthMode;
use futures_util::future::join_all;
use inventory_service::InventoryService;
use lambda::{InvocationError, LambdaResponse};
use order_service::OrderService;

use crate::invocation::Invocation;

/// A Lambda function that can be invoked.
pub trait Function {
    /// Invokes the function once.
    fn invoke(&self, invocation: Invocation)
    -> impl Future<Output = Result<LambdaResponse, InvocationError>>;
}

impl Function for OrderService {
    async fn invoke(&self, invocation: Invocation) -> Result<LambdaResponse, InvocationError> {
        self.handle(invocation).await
    }
}

impl Function for InventoryService {
    async fn invoke(&self, invocation: Invocation) -> Result<LambdaResponse, InvocationError> {
        self.handle(invocation).await
    }
}

/// HelloWorldFunction with an authorization mode.
#[derive(Debug, Clone, Copy)]
pub struct HelloWorld(pub AuthMode);

impl Function for HelloWorld {
    async fn invoke(&self, invocation: Invocation) -> Result<LambdaResponse, InvocationError> {
        hello_world::handle(self.0, invocation).await
    }
}

/// Runs all futures concurrently and returns their results in the given order.
pub async fn concurrently<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    join_all(futures).await
}
