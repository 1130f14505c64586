//! End-to-end tests of a stack with a closed API. `make e2e` deploys the stack and runs them. The user
//! pool signs the tokens.

mod client;
mod routes;
mod tokens;

use serde_json::{Value, json};
use test_support::{Deployment, concurrently};

use crate::client::Client;
use crate::routes::{Expected, Route, expected, routes};
use crate::tokens::{Tokens, authorize_service, claims, tampered, tokens, unsigned, with_signature_of};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
const EMAIL: &str = "alice.johnson@example.com";
const PASSWORD: &str = "Passw0rd-of-a-user";
/// Texts that must not be logged, in addition to tokens and keys.
const SECRETS: [&str; 4] = [EMAIL, "Alice Johnson", "body-of-the-request", PASSWORD];

/// Returns the number of stored orders.
fn orders(deployment: &Deployment) -> u64 {
    let table = deployment.field("/tables/orders");
    let scan = ["dynamodb", "scan", "--select", "COUNT", "--consistent-read", "--table-name", table];
    deployment.aws(&scan)["Count"].as_u64().unwrap()
}

/// Returns all log lines of the functions.
fn logged(deployment: &Deployment) -> Vec<String> {
    let lines = |function: &str| {
        let group = format!("/aws/lambda/{}/{function}", deployment.field("/stackName"));
        let events = deployment.aws(&["logs", "filter-log-events", "--log-group-name", &group]);
        let message = |event: &Value| event["message"].as_str().unwrap().to_owned();
        events["events"].as_array().unwrap().iter().map(message).collect::<Vec<_>>()
    };
    ["hello-world", "order-service", "inventory-service"].map(lines).concat()
}

#[tokio::test]
#[ignore = "needs a deployed stack with a closed API: make e2e"]
async fn a_closed_api_authorizes_each_caller() {
    let deployment = &Deployment::from_env();
    assert!(deployment.field("/apiAccess").starts_with("Closed"));
    let tokens = tokens(deployment).await;
    let client = Client::with_key_of(deployment, "/fulfilmentApiKeyId");
    assert_eq!(claims(&tokens.customer)["username"], "001");

    let order = client.place(&tokens.customer).await;
    client.wait_for(&tokens.customer, &order, "Confirmed").await;
    let (stored, all) = (orders(deployment), routes(&order));

    // Invalid tokens are rejected.
    let forged = [
        String::new(),
        "garbage".to_owned(),
        tokens.expired.clone(),
        tokens.other_pool.clone(),
        with_signature_of(&tokens.customer, &tokens.fulfillment),
        with_signature_of(&tokens.admin, &tokens.customer),
        tampered(&tokens.other_customer),
        unsigned(&tokens.customer),
        tokens.id.clone(),
    ];
    for token in &forged {
        assert_eq!(client.statuses(token, &all).await, expected(&all, |_| 401), "{token}");
    }
    let without_key = Client { deployment, api_key: String::new() };
    let with_unknown_key = Client { deployment, api_key: "unknown".repeat(6) };
    for client in [&without_key, &with_unknown_key] {
        for token in [&tokens.customer, &tokens.fulfillment, &tokens.admin] {
            assert_eq!(client.statuses(token, &all).await, expected(&all, |_| 403));
        }
    }

    // A valid token gives access to the routes of its scope.
    let other = client.statuses(&tokens.other_customer, &all).await;
    assert_eq!(other, expected(&all, |of| of.other_customer));
    assert_eq!(orders(deployment), stored, "a rejected request has placed an order");
    client.wait_for(&tokens.customer, &order, "Confirmed").await;
    let fulfillment = client.statuses(&tokens.fulfillment, &all).await;
    assert_eq!(fulfillment, expected(&all, |of| of.fulfillment));
    assert_eq!(client.statuses(&tokens.customer, &all).await, expected(&all, |of| of.customer));
    let admin = Client::with_key_of(deployment, "/adminApiKeyId");
    assert_eq!(admin.statuses(&tokens.admin, &all).await, expected(&all, |of| of.admin));

    let canceled = routes(&client.place(&tokens.signed_in).await);
    let mut signed_in = expected(&canceled, |Expected { customer, .. }| customer);
    signed_in.iter_mut().filter(|(_, status)| *status == 409).for_each(|(_, status)| *status = 200);
    assert_eq!(client.statuses(&tokens.signed_in, &canceled).await, signed_in);

    // The order of another customer looks like an unknown order.
    let existing = client.send(&tokens.other_customer, &Route::get(&format!("/order/{order}"))).await;
    let unknown = client.send(&tokens.other_customer, &Route::get("/order/404")).await;
    assert_eq!(existing.body().replace(&order, "404"), unknown.body());

    // The logs contain no secret, even if each input has one.
    let invalid_body = format!(r#"{{"customerId":"{EMAIL}","note":"{}"}}"#, SECRETS[2]);
    let invalid_query = format!("/customers/{EMAIL}/orders?nextToken={EMAIL}");
    for request in [Route::new("POST", "/order", &invalid_body), Route::get(&invalid_query)] {
        let response = client.send(&tokens.customer, &request).await;
        assert!(matches!(response.status(), 404 | 422), "{}", response.body());
    }
    let lines = logged(deployment);
    assert!(lines.iter().filter(|line| line.contains("answered")).count() > 50, "{} lines", lines.len());
    let Tokens { customer, other_customer, fulfillment, admin, signed_in, id, .. } = &tokens;
    let bearers = [customer, other_customer, fulfillment, admin, signed_in, id, &client.api_key];
    let bearers = bearers.map(String::as_str);
    for line in &lines {
        for secret in bearers.iter().chain(&SECRETS).chain(&["eyJ", "@"]) {
            assert!(!line.contains(secret), "{secret:?} in {line}");
        }
        assert!(!line.contains(ORDER) && !line.contains(r#"\"customerId\""#), "a body in {line}");
    }
}

#[tokio::test]
#[ignore = "needs a deployed stack with a closed API: make e2e"]
async fn throttles_a_client_without_affecting_other_clients() {
    let deployment = &Deployment::from_env();
    let token = &authorize_service(deployment, "/fulfilmentClientId").await;
    let throttled = Client::with_key_of(deployment, "/customerApiKeyId");
    let other = Client::with_key_of(deployment, "/fulfilmentApiKeyId");
    let hello = Route::get("/hello");

    let (mut sent, mut is_throttled) = (0, false);
    while !is_throttled {
        assert!(sent < 2000, "{sent} requests were not throttled");
        let responses = concurrently((0..20).map(|_| throttled.send(token, &hello))).await;
        sent += responses.len();
        is_throttled = responses.iter().any(|response| response.status() == 429);
    }
    assert_eq!(other.send(token, &hello).await.status(), 200);
}

#[tokio::test]
#[ignore = "needs a deployed stack with a closed API: make e2e"]
async fn limits_the_request_rate_of_the_stage() {
    let deployment = &Deployment::from_env();
    let url = deployment.field("/apiUrl");
    let mut segments = url.split("/restapis/").nth(1).unwrap().split('/');
    let (api, stage) = (segments.next().unwrap(), segments.next().unwrap());
    let stage = deployment.aws(&["apigateway", "get-stage", "--rest-api-id", api, "--stage-name", stage]);
    let settings = &stage["methodSettings"]["*/*"];
    let limits = [&settings["throttlingRateLimit"], &settings["throttlingBurstLimit"]];
    assert_eq!(limits.map(Value::as_f64), [Some(500.0), Some(1000.0)], "{stage}");
    assert_eq!(settings["dataTraceEnabled"], json!(false), "the gateway must not log requests");
}
