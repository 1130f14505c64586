//! SDK clients that call a model without a socket, so that only the model's
//! clock decides how long a call takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::client::{retries, timeouts};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_types::SdkConfig;

use crate::event_queue::EventQueue;
use crate::model::DynamoDbModel;

/// A model of a service, which the SDK calls instead of the service.
#[derive(Debug, Clone)]
enum Model {
    DynamoDb(Arc<DynamoDbModel>),
    Sqs(Arc<EventQueue>),
}

impl HttpConnector for Model {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let model = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").expect("a request in JSON");
            let (_, operation) = target.split_once('.').expect("an operation");
            let body = request.body().bytes().expect("a buffered body");
            let body = std::str::from_utf8(body).expect("a body in UTF-8");
            let (status, body) = match model {
                Self::DynamoDb(model) => {
                    let response = model.call(operation, body).await;
                    (response.status, response.body)
                }
                Self::Sqs(queue) => queue.call(operation, body).await,
            };
            Ok(HttpResponse::new(status.try_into().expect("an HTTP status"), body.into()))
        })
    }
}

/// Returns a client with the retries and timeouts of the functions. It shares
/// nothing with other clients.
#[must_use]
pub fn client(model: &Arc<DynamoDbModel>) -> Client {
    let config = Config::from(&sdk_config(Model::DynamoDb(Arc::clone(model))));
    Client::from_conf(config.to_builder().retry_partition(unique_retry_partition()).build())
}

/// Returns a client of the queues with the retries and timeouts of the functions.
#[must_use]
pub fn sqs_client(queue: &Arc<EventQueue>) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&sdk_config(Model::Sqs(Arc::clone(queue))))
}

fn sdk_config(model: Model) -> SdkConfig {
    let connector = SharedHttpConnector::new(model);
    let credentials = Credentials::new("test", "test", None, None, "contention");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .endpoint_url("http://model")
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries())
        .timeout_config(timeouts())
        .build()
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
