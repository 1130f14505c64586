//! Tokens of the user pool, and forged ones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use test_support::{Deployment, HttpResponse};

use crate::{EMAIL, PASSWORD};

/// A verifier and its challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Tokens that the local AWS has signed.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) customer: String,
    pub(crate) other_customer: String,
    pub(crate) fulfillment: String,
    pub(crate) admin: String,
    /// A token of the customer from Cognito's sign-in API instead of OAuth.
    pub(crate) signed_in: String,
    pub(crate) id: String,
    pub(crate) expired: String,
    /// A token of a user with the customer's name in another user pool.
    pub(crate) other_pool: String,
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
    let email = format!("Name=email,Value={}", EMAIL);
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

/// Runs the client credentials flow of a service. `client` is its field in the description of the stack.
pub(crate) async fn authorize_service(deployment: &Deployment, client: &str) -> String {
    let (pool, client) = (deployment.field("/userPoolId"), deployment.field(client));
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

pub(crate) fn claims(token: &str) -> Value {
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

pub(crate) async fn tokens(deployment: &Deployment) -> Tokens {
    let pool = deployment.field("/userPoolId");
    for name in ["001", "002"] {
        create_user(deployment, pool, name);
    }
    let (signed_in, id) = sign_in(deployment, pool, &password_client(deployment, pool, "3600"), "001");
    let tokens = Tokens {
        customer: authorize(deployment, "001").await,
        other_customer: authorize(deployment, "002").await,
        fulfillment: authorize_service(deployment, "/fulfilmentClientId").await,
        admin: authorize_service(deployment, "/adminClientId").await,
        signed_in,
        id,
        expired: sign_in(deployment, pool, &password_client(deployment, pool, "1"), "001").0,
        other_pool: other_pool_token(deployment),
    };
    wait_until_expired(&tokens.expired).await;
    tokens
}

/// Returns the header and claims of one token with the signature of another.
pub(crate) fn with_signature_of(token: &str, other: &str) -> String {
    let (signed, signature) = (token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    format!("{signed}.{signature}")
}

/// Returns a token with changed claims and the original signature.
pub(crate) fn tampered(token: &str) -> String {
    let mut changed = claims(token);
    changed["username"] = "001".into();
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(changed.to_string()), parts[2])
}

/// Returns a token with the algorithm `none` and without a signature.
pub(crate) fn unsigned(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#))
}
