//! What can invoke a function here, and what a function answers.

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::dynamodb::Event as StreamEvent;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::streams::DynamoDbEventResponse;
use domain::discreet::reason;
use domain::{RepublishReport, RepublishRequest, RequestError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::rest::{Request, Response};

/// `errorType` of an invocation by something that the function does not serve.
pub const UNSUPPORTED_TRIGGER: &str = "UnsupportedTrigger";

/// `errorType` of an operator's invocation that breaks a rule.
pub const INVALID_REQUEST: &str = "InvalidRequest";

/// An event from the bus whose detail is still JSON text.
pub type BusEvent = EventBridgeEvent<Box<RawValue>>;

/// What invoked the function.
#[derive(Debug)]
pub enum Trigger {
    /// API Gateway, REST API with proxy integration.
    Rest(Box<Request>),
    /// A DynamoDB stream.
    Stream(StreamEvent),
    /// A rule of an EventBridge bus.
    Bus(Box<BusEvent>),
    /// A queue.
    Queue(SqsEvent),
    /// An operator, who wants the events of some orders published again.
    Republish(RepublishRequest),
}

/// Just enough of a payload to tell its type.
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
    /// Tells the type of a payload and reads it.
    ///
    /// # Errors
    /// A [`Failure`] of type [`UNSUPPORTED_TRIGGER`] for anything that is not
    /// one of these, or is but cannot be read; of type [`INVALID_REQUEST`] for
    /// an operator's request that breaks a rule.
    pub fn parse(payload: &RawValue) -> Result<Self, Failure> {
        let text = payload.get();
        let probe: Probe<'_> = read(text, "a payload")?;
        match probe {
            Probe { http_method: Some(_), .. } => {
                let event: ApiGatewayProxyRequest = read(text, "a REST request")?;
                Ok(Self::Rest(Box::new(event.into())))
            }
            Probe { records: Some(records), .. } if all_from(&records, "aws:dynamodb") => {
                read(text, "a stream batch").map(Self::Stream)
            }
            Probe { records: Some(records), .. } if all_from(&records, "aws:sqs") => {
                read(text, "a queue's batch").map(Self::Queue)
            }
            Probe { detail_type: Some(_), .. } => {
                read(text, "an EventBridge event").map(|event| Self::Bus(Box::new(event)))
            }
            Probe { republish: Some(_), .. } => {
                RepublishRequest::parse(text).map(Self::Republish).map_err(|error| invalid(&error))
            }
            _ => Err(unsupported("no REST request, DynamoDB stream, EventBridge event or queue")),
        }
    }

    /// The failure to answer with when the function does not serve this trigger.
    #[must_use]
    pub fn unsupported(&self) -> Failure {
        unsupported(match self {
            Self::Rest(_) => "this function serves no REST requests",
            Self::Stream(_) => "this function serves no DynamoDB stream",
            Self::Bus(_) => "this function serves no EventBridge events",
            Self::Queue(_) => "this function serves no queue",
            Self::Republish(_) => "this function publishes no events again",
        })
    }
}

fn all_from(records: &[RecordProbe<'_>], source: &str) -> bool {
    records.iter().all(|record| record.event_source.as_deref() == Some(source))
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| unsupported(format!("not {what}: {}", reason(&error))))
}

fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(UNSUPPORTED_TRIGGER, message)
}

fn invalid(error: &RequestError) -> Failure {
    let mut message = error.to_string();
    if let RequestError::Invalid(faults) = error {
        let faults: Vec<_> =
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
        message = faults.join("; ");
    }
    Failure::new(INVALID_REQUEST, message)
}

/// What a function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To API Gateway.
    Rest(Box<ApiGatewayProxyResponse>),
    /// To the poller of a stream: the records from which on to try again.
    Stream(DynamoDbEventResponse),
    /// To the poller of a queue: the messages to hand out again.
    Queue(SqsBatchResponse),
    /// To an operator.
    Republish(RepublishReport),
    /// To EventBridge, which wants none.
    Done,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self::Rest(Box::new(response.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &str) -> Result<Trigger, Failure> {
        Trigger::parse(serde_json::from_str(payload).unwrap())
    }

    #[test]
    fn each_trigger_is_told_by_its_type() {
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
    fn an_operators_request_says_what_breaks_a_rule() {
        let good = r#"{"republish":{"orderIds":["001"]}}"#;
        assert!(matches!(parse(good), Ok(Trigger::Republish(request)) if request.order_ids.len() == 1));
        let failure = parse(r#"{"republish":{"orderIds":["a b",7]}}"#).unwrap_err();
        assert_eq!(failure.error_type, INVALID_REQUEST);
        let message = "#/republish/orderIds/0 must be 1 to 64 characters out of A-Z a-z 0-9 - _ .; \
            #/republish/orderIds/1 must be a string";
        assert_eq!(failure.message, message);
    }

    #[test]
    fn anything_else_is_refused_by_type() {
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
            let failure = parse(payload).unwrap_err();
            assert_eq!(failure.error_type, UNSUPPORTED_TRIGGER, "{payload}: {failure}");
        }
    }

    #[test]
    fn an_answer_to_the_bus_is_empty() {
        assert_eq!(serde_json::to_string(&Answer::Done).unwrap(), "null");
        let stream = Answer::Stream(DynamoDbEventResponse::default());
        assert_eq!(serde_json::to_string(&stream).unwrap(), r#"{"batchItemFailures":[]}"#);
    }
}
