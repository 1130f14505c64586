//! The SDK's way to the model: no socket lies between, so that nothing but the
//! model's clock decides how long a call takes.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_support::client::{retries, timeouts};

use crate::model::Model;

#[derive(Debug, Clone)]
struct Connection(Arc<Model>);

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let model = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").expect("a call of DynamoDB");
            let (_, operation) = target.split_once('.').expect("an operation");
            let body = request.body().bytes().expect("a body that is there");
            let body = std::str::from_utf8(body).expect("a body in UTF-8");
            let (status, answer) = model.call(operation, body).await;
            let status = status.try_into().expect("a status");
            Ok(HttpResponse::new(status, answer.into()))
        })
    }
}

/// A client as a function has it: the functions' retries and timeouts, and
/// nothing that it shares with other functions.
#[must_use]
pub fn client(model: &Arc<Model>) -> Client {
    let connector = SharedHttpConnector::new(Connection(Arc::clone(model)));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .endpoint_url("http://model")
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "contention"))
        .retry_config(retries())
        .timeout_config(timeouts())
        .build();
    Client::from_conf(config)
}
