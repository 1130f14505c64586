//! Triggers: the payloads that can invoke a function.

use api::{BodyError, Request};
use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use aws_lambda_events::dynamodb::Event as StreamEvent;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sqs::SqsEvent;
use domain::redact;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::InvocationError;
use crate::operator_request::RepublishRequest;

/// `errorType`: the function does not support the trigger. Permanent.
pub const UNSUPPORTED_TRIGGER: &str = "UnsupportedTrigger";

/// `errorType`: an operator request breaks a rule. Permanent.
pub const INVALID_REQUEST: &str = "InvalidRequest";

/// An event from the bus with its detail as JSON text.
pub type BusEvent = EventBridgeEvent<Box<RawValue>>;

/// The trigger of an invocation.
#[derive(Debug)]
pub enum Trigger {
    /// Request of an API Gateway REST API with Lambda proxy integration.
    Rest(Box<Request>),
    /// Batch of a DynamoDB stream.
    Stream(StreamEvent),
    /// Event from a rule of an EventBridge bus.
    Bus(Box<BusEvent>),
    /// Batch of an SQS queue.
    Queue(SqsEvent),
    /// Operator request to republish events.
    Republish(RepublishRequest),
}

/// The part of a payload that tells its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe<'a> {
    #[serde(borrow)]
    http_method: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<RecordProbe<'a>>>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow)]
    republish: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordProbe<'a> {
    #[serde(borrow)]
    event_source: Option<std::borrow::Cow<'a, str>>,
}

impl Trigger {
    /// Detects the type of a payload and parses it.
    ///
    /// # Errors
    /// An [`InvocationError`] of type [`UNSUPPORTED_TRIGGER`] if the payload has an
    /// unknown type or is malformed; of type [`INVALID_REQUEST`] for an operator
    /// request that breaks a rule.
    pub fn parse(payload: &RawValue) -> Result<Self, InvocationError> {
        let text = payload.get();
        let probe: Probe<'_> = parse_as(text, "a JSON object")?;
        match probe {
            Probe { http_method: Some(_), .. } => {
                let event: ApiGatewayProxyRequest = parse_as(text, "a REST request")?;
                Ok(Self::Rest(Box::new(event.into())))
            }
            Probe { records: Some(records), .. } if all_from(&records, "aws:dynamodb") => {
                parse_as(text, "a stream batch").map(Self::Stream)
            }
            Probe { records: Some(records), .. } if all_from(&records, "aws:sqs") => {
                parse_as(text, "a queue batch").map(Self::Queue)
            }
            Probe { detail_type: Some(_), .. } => {
                parse_as(text, "an EventBridge event").map(|event| Self::Bus(Box::new(event)))
            }
            Probe { republish: Some(_), .. } => {
                RepublishRequest::parse(text).map(Self::Republish).map_err(|error| invalid_request(&error))
            }
            _ => Err(unsupported(
                "payload is not a REST request, stream batch, EventBridge event, queue batch or operator request",
            )),
        }
    }

    /// Returns the error of a function that does not support this trigger.
    #[must_use]
    pub fn unsupported(&self) -> InvocationError {
        unsupported(match self {
            Self::Rest(_) => "function does not support REST requests",
            Self::Stream(_) => "function does not support DynamoDB streams",
            Self::Bus(_) => "function does not support EventBridge events",
            Self::Queue(_) => "function does not support queues",
            Self::Republish(RepublishRequest::Orders(_)) => {
                "function does not republish the events of orders"
            }
            Self::Republish(RepublishRequest::Products(_)) => {
                "function does not republish the stock of products"
            }
        })
    }
}

fn all_from(records: &[RecordProbe<'_>], source: &str) -> bool {
    records.iter().all(|record| record.event_source.as_deref() == Some(source))
}

fn parse_as<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, InvocationError> {
    serde_json::from_str(text)
        .map_err(|error| unsupported(format!("not {what}: {}", redact::json_error(&error))))
}

fn unsupported(message: impl Into<String>) -> InvocationError {
    InvocationError::new(UNSUPPORTED_TRIGGER, message)
}

fn invalid_request(error: &BodyError) -> InvocationError {
    let message = match error {
        BodyError::NotJson(_) => error.to_string(),
        BodyError::Invalid(violations) => {
            let rules =
                violations.iter().map(|violation| format!("{} {}", violation.pointer, violation.detail));
            rules.collect::<Vec<_>>().join("; ")
        }
    };
    InvocationError::new(INVALID_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &str) -> Result<Trigger, InvocationError> {
        Trigger::parse(serde_json::from_str(payload).unwrap())
    }

    #[test]
    fn detects_each_trigger() {
        let rest = r#"{"httpMethod":"GET","resource":"/x","path":"/x","requestContext":{"httpMethod":"GET","identity":{}}}"#;
        assert!(matches!(parse(rest), Ok(Trigger::Rest(_))));
        let stream = r#"{"Records":[{"eventID":"1","eventName":"INSERT","eventSource":"aws:dynamodb","awsRegion":"eu-central-1",
            "dynamodb":{"ApproximateCreationDateTime":1.5,"Keys":{},"NewImage":{"OrderId":{"S":"1"}},"SizeBytes":1,"SequenceNumber":"7"}}]}"#;
        assert!(matches!(parse(stream), Ok(Trigger::Stream(event)) if event.records.len() == 1));
        assert!(matches!(parse(r#"{"Records":[]}"#), Ok(Trigger::Stream(_))));
        let queue = r#"{"Records":[{"messageId":"m1","eventSource":"aws:sqs","body":"x"}]}"#;
        assert!(
            matches!(parse(queue), Ok(Trigger::Queue(batch)) if batch.records[0].body.as_deref() == Some("x"))
        );
        let bus = r#"{"source":"ecommerce.order","detail-type":"OrderPlaced","detail":{"total":279.980}}"#;
        match parse(bus) {
            Ok(Trigger::Bus(event)) => assert_eq!(event.detail.get(), r#"{"total":279.980}"#),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_invalid_operator_request_names_the_broken_rules() {
        let good = r#"{"republish":{"orderIds":["001"]}}"#;
        assert!(
            matches!(parse(good), Ok(Trigger::Republish(RepublishRequest::Orders(ids))) if ids.len() == 1)
        );
        let error = parse(r#"{"republish":{"orderIds":["a b",7]}}"#).unwrap_err();
        assert_eq!(error.error_type, INVALID_REQUEST);
        let message = "#/republish/orderIds/0 must be 1 to 64 characters from A-Z a-z 0-9 - _ .; \
            #/republish/orderIds/1 must be a string";
        assert_eq!(error.message, message);
    }

    #[test]
    fn rejects_any_other_payload() {
        for payload in [
            "null",
            "[]",
            "7",
            "{}",
            r#"{"Records":[{"eventSource":"aws:sqs"},{"eventSource":"aws:dynamodb"}]}"#,
            r#"{"Records":[{"eventSource":"aws:kinesis"}]}"#,
            r#"{"Records":[{"EventSource":"aws:sns"}]}"#,
            r#"{"Records":7}"#,
            r#"{"httpMethod":7}"#,
            r#"{"detail-type":"OrderPlaced"}"#,
        ] {
            let error = parse(payload).unwrap_err();
            assert_eq!(error.error_type, UNSUPPORTED_TRIGGER, "{payload}: {error}");
        }
    }
}
