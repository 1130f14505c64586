//! An SDK client that calls the model without a socket, so that only the
//! model's clock decides how long a call takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::client::{retries, timeouts};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};

use crate::model::DynamoDbModel;

#[derive(Debug, Clone)]
struct ModelConnector(Arc<DynamoDbModel>);

impl HttpConnector for ModelConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let model = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").expect("a DynamoDB request");
            let (_, operation) = target.split_once('.').expect("an operation");
            let body = request.body().bytes().expect("a buffered body");
            let body = std::str::from_utf8(body).expect("a body in UTF-8");
            let response = model.call(operation, body).await;
            let status = response.status.try_into().expect("an HTTP status");
            Ok(HttpResponse::new(status, response.body.into()))
        })
    }
}

/// Returns a client with the retries and timeouts of the functions. It shares
/// nothing with other clients.
#[must_use]
pub fn client(model: &Arc<DynamoDbModel>) -> Client {
    let connector = SharedHttpConnector::new(ModelConnector(Arc::clone(model)));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .endpoint_url("http://model")
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "contention"))
        .retry_config(retries())
        .retry_partition(unique_retry_partition())
        .timeout_config(timeouts())
        .build();
    Client::from_conf(config)
}

/// Returns a retry partition of a single client. By default, all clients of a
/// process share the budget of retries. Function instances do not: each runs in
/// a process of its own.
fn unique_retry_partition() -> RetryPartition {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    RetryPartition::new(format!("instance-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Assumptions;

    #[test]
    fn clients_do_not_share_retries() {
        let model = Arc::new(DynamoDbModel::new(Assumptions::default(), &[]));
        let [one, other] = [client(&model), client(&model)];
        assert_ne!(one.config().retry_partition(), other.config().retry_partition());
    }
}
