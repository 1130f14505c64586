//! Responses of a function to its triggers.

use api::Response;
use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_lambda_events::sqs::SqsBatchResponse;
use aws_lambda_events::streams::DynamoDbEventResponse;
use serde::Serialize;

use crate::operator_request::RepublishReport;

/// The response of a function.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum LambdaResponse {
    /// Response to API Gateway.
    Rest(Box<ApiGatewayProxyResponse>),
    /// Response to a stream batch: the record to retry from.
    Stream(DynamoDbEventResponse),
    /// Response to a queue batch: the messages to retry.
    Queue(SqsBatchResponse),
    /// Response to an operator.
    Republish(RepublishReport),
    /// No response, for EventBridge.
    None,
}

impl From<Response> for LambdaResponse {
    fn from(response: Response) -> Self {
        Self::Rest(Box::new(response.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serializes_as_the_trigger_requires() {
        assert_eq!(serde_json::to_string(&LambdaResponse::None).unwrap(), "null");
        let stream = LambdaResponse::Stream(DynamoDbEventResponse::default());
        assert_eq!(serde_json::to_string(&stream).unwrap(), r#"{"batchItemFailures":[]}"#);
    }
}
