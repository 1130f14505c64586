//! Invocations and responses have the formats of AWS.

use std::fs;

use lambda::Trigger;
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, invocation, matches_pattern};

#[tokio::test]
async fn an_api_request_has_all_its_parts() {
    let request = ApiRequest::post("/order/{orderId}/cancel")
        .path("orderId", "o1")
        .query("limit", "5")
        .header("Idempotency-Key", "k1")
        .json(r#"{"a":1.10}"#);
    match Trigger::parse(&request.invocation().payload) {
        Ok(Trigger::Rest(request)) => {
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/Prod/order/o1/cancel"));
            assert_eq!(request.resource, "/order/{orderId}/cancel");
            assert_eq!(request.path_parameter::<String>("orderId").as_deref(), Some("o1"));
            assert_eq!(request.query("limit"), Some("5"));
            assert_eq!(request.header("idempotency-key").as_deref(), Some("k1"));
            assert_eq!(request.json_body().unwrap(), r#"{"a":1.10}"#);
            assert!(request.correlation_id().is_some());
        }
        other => panic!("{other:?}"),
    }
    match Trigger::parse(&invocation::queue_messages(&["one", "two"]).payload) {
        Ok(Trigger::Queue(batch)) => {
            let named = |n: usize| (batch.records[n].message_id.as_deref(), batch.records[n].body.as_deref());
            assert_eq!((named(0), named(1)), ((Some("m0"), Some("one")), (Some("m1"), Some("two"))));
        }
        other => panic!("{other:?}"),
    }
    match Trigger::parse(&ApiRequest::get("/products").invocation().payload) {
        Ok(Trigger::Rest(request)) => assert_eq!(request.json_body().unwrap(), ""),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_sample_payload_has_the_trigger_of_its_name_and_passes_the_filters() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");
    let names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 15, "{names:?}");
    for name in names {
        let payload = invocation::fixture(&name).payload;
        let json: Value = serde_json::from_str(payload.get()).unwrap();
        match Trigger::parse(&payload) {
            Ok(Trigger::Rest(_)) => assert!(name == "hello" || name.starts_with("api-"), "{name}"),
            Ok(Trigger::Stream(_)) => {
                assert!(name.starts_with("stream-"), "{name}");
                let records = json["Records"].as_array().unwrap();
                let filters = match name.as_str() {
                    "stream-inventory" => test_support::stock_stream_filters(),
                    _ => test_support::stream_filters(),
                };
                assert!(
                    records.iter().all(|record| filters.iter().any(|filter| matches_pattern(filter, record)))
                );
            }
            Ok(Trigger::Queue(batch)) => {
                assert!(name.starts_with("queue-"), "{name}");
                let bodies = batch.records.iter().map(|message| message.body.as_deref().unwrap());
                let events: Vec<Value> = bodies.map(|body| serde_json::from_str(body).unwrap()).collect();
                assert!(
                    events.iter().all(|event| matches_pattern(test_support::order_event_pattern(), event)),
                    "{name}"
                );
            }
            Ok(Trigger::Bus(_)) => {
                let pattern = match name.as_str() {
                    "stock-received" => test_support::stock_event_pattern(),
                    _ => test_support::order_event_pattern(),
                };
                assert!(name.starts_with("order-") || name.starts_with("stock-"), "{name}");
                assert!(matches_pattern(pattern, &json), "{name}");
            }
            Ok(Trigger::Republish(_)) => assert!(name.starts_with("republish"), "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[tokio::test]
async fn an_api_response_has_status_headers_and_body() {
    let answer = api::Response::created("/order/1", &json!({"orderId": "1"})).into();
    let response = ApiResponse::of(&answer);
    assert_eq!((response.status, response.header("location")), (201, Some("/order/1")));
    assert_eq!(response.json(), json!({"orderId": "1"}));
}
