//! The responses of the API are documented, and every documented response is possible.

use std::collections::BTreeSet;

use api::ProblemKind;
use serde_json::Value;
use test_support::ApiResponse;

use super::document::{Document, Route};
use super::exchanges::send_all_requests;
use super::problems;

/// The schemas that only requests have.
const REQUESTS: [&str; 7] =
    ["CreateAdjustment", "Line", "PlaceOrder", "PutCustomer", "PutProduct", "ShipOrder", "UpdateInventory"];

#[tokio::test]
async fn every_response_is_documented_and_every_documented_response_is_possible() {
    let document = Document::read().strict();
    let exchanges = send_all_requests().await;
    for (route, response) in &exchanges {
        assert_eq!(document.differences(route, response), [""; 0], "{route:?} {response:?}");
    }

    let received: BTreeSet<_> =
        exchanges.iter().map(|(route, response)| (route.clone(), response.status)).collect();
    for (route, status, response) in document.responses() {
        let by_gateway = response.get("x-gateway-responses").is_some();
        assert!(
            by_gateway || received.contains(&(route.clone(), status)),
            "{route:?} never returns {status}"
        );
    }
    let kinds: BTreeSet<_> =
        bodies(&exchanges).filter_map(|body| body["type"].as_str().map(str::to_owned)).collect();
    assert_eq!(kinds, ProblemKind::ALL.map(ProblemKind::uri).into());
    assert_titles_match_examples(&document, &exchanges);
    assert_every_field_is_used(&document, &exchanges);
}

/// Iterates over the bodies of responses. Some responses, such as a 204, have none.
fn bodies(exchanges: &[(Route, ApiResponse)]) -> impl Iterator<Item = Value> {
    exchanges.iter().filter(|(_, response)| !response.body.is_empty()).map(|(_, response)| response.json())
}

fn assert_titles_match_examples(document: &Document, exchanges: &[(Route, ApiResponse)]) {
    for body in bodies(exchanges) {
        if let Some((_, problem)) = problems(document).find(|(kind, _)| body["type"] == **kind) {
            assert_eq!(body["title"], problem["examples"][0]["title"]);
        }
    }
}

/// Asserts that some response becomes undocumented when any documented field is removed.
fn assert_every_field_is_used(document: &Document, exchanges: &[(Route, ApiResponse)]) {
    for (name, schema) in document.schemas() {
        if REQUESTS.contains(&name.as_str()) {
            continue;
        }
        for field in schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys()) {
            let pointer = format!("/components/schemas/{name}/properties/{field}");
            let without = document.with(&pointer, false.into());
            let used =
                exchanges.iter().any(|(route, response)| !without.differences(route, response).is_empty());
            assert!(used || is_sent_only_by_gateway(name), "no response has the field {field} of {name}");
        }
    }
}

fn is_sent_only_by_gateway(schema: &str) -> bool {
    ["TooManyRequests", "Refused", "Failed"].contains(&schema)
}
