//! End-to-end tests of a stack with a closed API. `make e2e` deploys the stack and runs them. The user
//! pool signs the tokens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_support::{Deployment, HttpResponse, concurrently};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
/// Texts that must not be logged, in addition to tokens and keys.
const SECRETS: [&str; 3] = ["alice.johnson@example.com", "body-of-the-request", "Passw0rd-of-a-user"];
const PASSWORD: &str = SECRETS[2];
/// A verifier and its challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Tokens that the local AWS has signed.
#[derive(Debug)]
struct Tokens {
    customer: String,
    other_customer: String,
    fulfillment: String,
    /// A token of the customer from Cognito's sign-in API instead of OAuth.
    signed_in: String,
    id: String,
    expired: String,
    /// A token of a user with the customer's name in another user pool.
    other_pool: String,
}

/// Creates an app client that accepts passwords, unlike those of the template.
fn password_client(deployment: &Deployment, pool: &str, access_seconds: &str) -> String {
    let flows = ["--explicit-auth-flows", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    let validity =
        ["--access-token-validity", access_seconds, "--token-validity-units", "AccessToken=seconds"];
    let create = ["cognito-idp", "create-user-pool-client", "--client-name", "tests", "--user-pool-id", pool];
    let client = deployment.aws(&[&create[..], &flows, &validity].concat());
    client["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

fn create_user(deployment: &Deployment, pool: &str, name: &str) {
    let user = ["--user-pool-id", pool, "--username", name];
    let email = format!("Name=email,Value={}", SECRETS[0]);
    let create =
        ["cognito-idp", "admin-create-user", "--message-action", "SUPPRESS", "--user-attributes", &email];
    deployment.try_aws(&[&create[..], &user].concat());
    let set = ["cognito-idp", "admin-set-user-password", "--permanent", "--password", PASSWORD];
    deployment.try_aws(&[&set[..], &user].concat());
}

/// Signs a user in with Cognito's API, and returns the access token and the ID token.
fn sign_in(deployment: &Deployment, pool: &str, client: &str, name: &str) -> (String, String) {
    let parameters = format!("USERNAME={name},PASSWORD={PASSWORD}");
    let result = deployment.aws(&[
        "cognito-idp",
        "admin-initiate-auth",
        "--auth-flow",
        "ADMIN_USER_PASSWORD_AUTH",
        "--user-pool-id",
        pool,
        "--client-id",
        client,
        "--auth-parameters",
        &parameters,
    ]);
    let token = |name: &str| result["AuthenticationResult"][name].as_str().unwrap().to_owned();
    (token("AccessToken"), token("IdToken"))
}

/// Runs the authorization code flow with PKCE, as a customer application does.
async fn authorize(deployment: &Deployment, name: &str) -> String {
    let client = deployment.field("/customerClientId");
    let pool = deployment.field("/userPoolId");
    let describe =
        ["cognito-idp", "describe-user-pool-client", "--user-pool-id", pool, "--client-id", client];
    let described = deployment.aws(&describe);
    assert_eq!(described["UserPoolClient"].get("ClientSecret"), None, "a public client has no secret");
    let callback = described["UserPoolClient"]["CallbackURLs"][0].as_str().unwrap().to_owned();
    let common = [("client_id", client), ("redirect_uri", &callback)];
    let form = [
        ("username", name),
        ("password", PASSWORD),
        ("response_type", "code"),
        ("scope", "openid orders/customer"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let signed_in = deployment.post_form("/login", &[&common[..], &form].concat()).await;
    let location = signed_in.header("location").unwrap_or_else(|| panic!("{}", signed_in.body()));
    let code = location.strip_prefix(&format!("{callback}?code=")).unwrap();
    let exchange =
        |verifier| [("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
    let stolen = deployment.post_form("/oauth2/token", &[&common[..], &exchange(CHALLENGE)].concat()).await;
    assert_eq!(stolen.status(), 400, "a code is invalid without its verifier");
    access_token(&deployment.post_form("/oauth2/token", &[&common[..], &exchange(VERIFIER)].concat()).await)
}

/// Runs the client credentials flow, as the fulfillment service does.
async fn authorize_fulfillment(deployment: &Deployment) -> String {
    let (pool, client) = (deployment.field("/userPoolId"), deployment.field("/fulfilmentClientId"));
    let describe =
        ["cognito-idp", "describe-user-pool-client", "--user-pool-id", pool, "--client-id", client];
    let described = deployment.aws(&describe);
    let secret = described["UserPoolClient"]["ClientSecret"].as_str().unwrap();
    let form = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret)];
    let with_other_scope = [&form[..], &[("scope", "orders/customer")]].concat();
    assert_eq!(deployment.post_form("/oauth2/token", &with_other_scope).await.status(), 400);
    access_token(&deployment.post_form("/oauth2/token", &form).await)
}

fn access_token(response: &HttpResponse) -> String {
    assert_eq!(response.status(), 200, "{}", response.body());
    response.json()["access_token"].as_str().unwrap().to_owned()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

async fn wait_until_expired(token: &str) {
    let expiry = Duration::from_secs(claims(token)["exp"].as_u64().unwrap() + 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    tokio::time::sleep(expiry.saturating_sub(now)).await;
}

/// Returns a token of a user with the customer's name in another pool.
fn other_pool_token(deployment: &Deployment) -> String {
    let pool = deployment.aws(&["cognito-idp", "create-user-pool", "--pool-name", "other"]);
    let pool = pool["UserPool"]["Id"].as_str().unwrap();
    create_user(deployment, pool, "001");
    sign_in(deployment, pool, &password_client(deployment, pool, "3600"), "001").0
}

async fn tokens(deployment: &Deployment) -> Tokens {
    let pool = deployment.field("/userPoolId");
    for name in ["001", "002"] {
        create_user(deployment, pool, name);
    }
    let (signed_in, id) = sign_in(deployment, pool, &password_client(deployment, pool, "3600"), "001");
    let tokens = Tokens {
        customer: authorize(deployment, "001").await,
        other_customer: authorize(deployment, "002").await,
        fulfillment: authorize_fulfillment(deployment).await,
        signed_in,
        id,
        expired: sign_in(deployment, pool, &password_client(deployment, pool, "1"), "001").0,
        other_pool: other_pool_token(deployment),
    };
    wait_until_expired(&tokens.expired).await;
    tokens
}

/// Returns the header and claims of one token with the signature of another.
fn with_signature_of(token: &str, other: &str) -> String {
    let (signed, signature) = (token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    format!("{signed}.{signature}")
}

/// Returns a token with changed claims and the original signature.
fn tampered(token: &str) -> String {
    let mut changed = claims(token);
    changed["username"] = "001".into();
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(changed.to_string()), parts[2])
}

/// Returns a token with the algorithm `none` and without a signature.
fn unsigned(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#))
}

fn api_key(deployment: &Deployment, id: &str) -> String {
    let key = ["apigateway", "get-api-key", "--include-value", "--api-key", deployment.field(id)];
    deployment.aws(&key)["value"].as_str().unwrap().to_owned()
}

/// Returns all routes for an order, with method, path and body.
fn routes(order: &str) -> Vec<(&'static str, String, &'static str)> {
    let mut routes: Vec<_> =
        ["/hello", "/products", "/products/001", "/inventory/001", "/customers/001/orders"]
            .map(|path| ("GET", path.to_owned(), ""))
            .into();
    routes.push(("GET", format!("/order/{order}"), ""));
    routes.push(("POST", "/order".to_owned(), ORDER));
    routes
        .extend(["ship", "deliver", "cancel"].map(|action| ("POST", format!("/order/{order}/{action}"), "")));
    routes
}

#[derive(Debug)]
struct Client<'a> {
    deployment: &'a Deployment,
    api_key: String,
}

impl Client<'_> {
    async fn send(&self, token: &str, (method, path, body): &(&str, String, &str)) -> HttpResponse {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        headers.push(("x-api-key", &self.api_key));
        self.deployment.call(method, path, &headers, *body).await
    }

    async fn place(&self, token: &str) -> String {
        let response = self.send(token, &("POST", "/order".to_owned(), ORDER)).await;
        assert_eq!(response.status(), 201, "{}", response.body());
        response.json()["orderId"].as_str().unwrap().to_owned()
    }

    async fn wait_for(&self, token: &str, order: &str, status: &str) {
        for _ in 0..300 {
            let response = self.send(token, &("GET", format!("/order/{order}"), "")).await;
            if response.json()["orderStatus"] == status {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{order} does not become {status}");
    }

    /// Returns the status code of each route, in the order of [`routes`].
    async fn statuses(&self, token: &str, order: &str) -> Vec<u16> {
        let mut statuses = Vec::new();
        for route in routes(order) {
            statuses.push(self.send(token, &route).await.status());
        }
        statuses
    }
}

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
    let client = Client { deployment, api_key: api_key(deployment, "/fulfilmentApiKeyId") };
    assert_eq!(claims(&tokens.customer)["username"], "001");

    let order = client.place(&tokens.customer).await;
    client.wait_for(&tokens.customer, &order, "Confirmed").await;
    let stored = orders(deployment);

    // Invalid tokens are rejected.
    let forged = [
        String::new(),
        "garbage".to_owned(),
        tokens.expired.clone(),
        tokens.other_pool.clone(),
        with_signature_of(&tokens.customer, &tokens.fulfillment),
        tampered(&tokens.other_customer),
        unsigned(&tokens.customer),
        tokens.id.clone(),
    ];
    for token in &forged {
        assert_eq!(client.statuses(token, &order).await, [401; 10], "{token}");
    }
    let without_key = Client { deployment, api_key: String::new() };
    let with_unknown_key = Client { deployment, api_key: "unknown".repeat(6) };
    for client in [&without_key, &with_unknown_key] {
        assert_eq!(client.statuses(&tokens.customer, &order).await, [403; 10]);
        assert_eq!(client.statuses(&tokens.fulfillment, &order).await, [403; 10]);
    }

    // Greeting, catalog and stock are open to every token. The other routes list, show, place, ship,
    // deliver and cancel orders.
    let other = client.statuses(&tokens.other_customer, &order).await;
    assert_eq!(other, [200, 200, 200, 200, 403, 404, 403, 403, 403, 404]);
    assert_eq!(orders(deployment), stored, "a rejected request has placed an order");
    client.wait_for(&tokens.customer, &order, "Confirmed").await;
    let fulfillment = client.statuses(&tokens.fulfillment, &order).await;
    assert_eq!(fulfillment, [200, 200, 200, 200, 403, 200, 403, 200, 200, 403]);
    let customer = client.statuses(&tokens.customer, &order).await;
    assert_eq!(customer, [200, 200, 200, 200, 200, 200, 201, 403, 403, 409]);
    let canceled = client.place(&tokens.signed_in).await;
    let signed_in = client.statuses(&tokens.signed_in, &canceled).await;
    assert_eq!(signed_in, [200, 200, 200, 200, 200, 200, 201, 403, 403, 200]);

    // The order of another customer looks like an unknown order.
    let existing = client.send(&tokens.other_customer, &("GET", format!("/order/{order}"), "")).await;
    let unknown = client.send(&tokens.other_customer, &("GET", "/order/404".to_owned(), "")).await;
    assert_eq!(existing.body().replace(&order, "404"), unknown.body());

    // The logs contain no secret, even if each input has one.
    let email = SECRETS[0];
    let invalid_body = format!(r#"{{"customerId":"{email}","note":"{}"}}"#, SECRETS[1]);
    let path = format!("/customers/{email}/orders?nextToken={email}");
    for request in [("POST", "/order".to_owned(), invalid_body.as_str()), ("GET", path, "")] {
        let response = client.send(&tokens.customer, &request).await;
        assert!(matches!(response.status(), 404 | 422), "{}", response.body());
    }
    let lines = logged(deployment);
    assert!(lines.iter().filter(|line| line.contains("answered")).count() > 50, "{} lines", lines.len());
    let Tokens { customer, other_customer, fulfillment, signed_in, id, .. } = &tokens;
    let bearers = [customer, other_customer, fulfillment, signed_in, id, &client.api_key].map(String::as_str);
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
    let token = &authorize_fulfillment(deployment).await;
    let throttled = Client { deployment, api_key: api_key(deployment, "/customerApiKeyId") };
    let other = Client { deployment, api_key: api_key(deployment, "/fulfilmentApiKeyId") };
    let hello = ("GET", "/hello".to_owned(), "");

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
