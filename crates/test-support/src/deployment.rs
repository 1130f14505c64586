//! A deployed stack for the end-to-end tests. They call its API over HTTP, and everything else
//! through the AWS CLI.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use serde_json::Value;

use crate::http::{Client, Request, Response};

/// The maximum time until an expected response.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The stack that the file in `E2E_STACK` describes. `make run` writes such a file.
#[derive(Debug)]
pub struct Deployment {
    path: String,
    stack: Value,
    client: Client,
}

/// A response of the deployed API.
#[derive(Debug)]
pub struct HttpResponse {
    response: Response,
}

impl HttpResponse {
    /// Returns the HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Returns a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().expect("text"))
    }

    /// Returns the raw body.
    #[must_use]
    pub fn body(&self) -> &str {
        std::str::from_utf8(self.response.body()).expect("a body in UTF-8")
    }

    /// Parses the body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap_or_else(|error| panic!("{error} in {:?}", self.body()))
    }
}

impl Deployment {
    /// Reads the description of the stack.
    #[must_use]
    pub fn from_env() -> Self {
        let path = env::var("E2E_STACK").expect("E2E_STACK names the description of a stack; see `make e2e`");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let stack = serde_json::from_str(&text).expect("a stack in JSON");
        Self { path, stack, client: Client::new() }
    }

    /// Returns the path of the description.
    #[must_use]
    pub fn description_path(&self) -> &str {
        &self.path
    }

    /// Returns the field of the description at a JSON Pointer (RFC 6901).
    #[must_use]
    pub fn field(&self, pointer: &str) -> &str {
        let value = self.stack.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("the description of the stack has no {pointer}"))
    }

    /// Returns the units of a product on hand.
    pub async fn stock_of(&self, product: &str) -> u64 {
        let response = self.get(&format!("/inventory/{product}")).await;
        assert_eq!(response.status(), 200, "{}", response.body());
        response.json()["quantity"].as_u64().expect("a quantity")
    }

    /// Places an order and returns its id.
    pub async fn place_order(&self, body: &str) -> String {
        let response = self.post("/order", body).await;
        assert_eq!(response.status(), 201, "{}", response.body());
        response.json()["orderId"].as_str().expect("an order id").to_owned()
    }

    /// Waits until an order has a status, and returns the order.
    pub async fn wait_for_status(&self, order: &str, status: &str) -> Value {
        self.get_until(&format!("/order/{order}"), |order| order["orderStatus"] == status).await
    }

    /// Returns the physical id of a resource of the stack.
    #[must_use]
    pub fn physical_id(&self, logical_id: &str) -> String {
        let stack = self.field("/stackName");
        let resource = ["--stack-name", stack, "--logical-resource-id", logical_id];
        let response = self.aws(&[&["cloudformation", "describe-stack-resource"], &resource[..]].concat());
        let id = response["StackResourceDetail"]["PhysicalResourceId"].as_str();
        id.unwrap_or_else(|| panic!("the stack has no {logical_id}")).to_owned()
    }

    /// Sends a GET request to a path of the API.
    pub async fn get(&self, path: &str) -> HttpResponse {
        self.call("GET", path, &[], "").await
    }

    /// Sends a POST request with JSON to a path of the API.
    pub async fn post(&self, path: &str, body: impl Into<String>) -> HttpResponse {
        self.post_with(path, &[(CONTENT_TYPE.as_str(), "application/json")], body).await
    }

    /// Sends a POST request with these headers to a path of the API.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> HttpResponse {
        self.call("POST", path, headers, body).await
    }

    /// Sends a request to a path of the API.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> HttpResponse {
        let url = format!("{}{path}", self.field("/apiUrl").trim_end_matches('/'));
        self.send(method, url, headers, body).await
    }

    /// Posts a form to a path of the local AWS, such as Cognito's token endpoint.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> HttpResponse {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", percent_encoded(value));
        let form: Vec<String> = fields.iter().map(pair).collect();
        let headers = [(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")];
        self.send("POST", format!("{}{path}", self.field("/awsEndpointUrl")), &headers, form.join("&")).await
    }

    /// Repeats a GET request until the body of a 200 satisfies the condition. Panics after a timeout.
    pub async fn get_until(&self, path: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let response = self.get(path).await;
            if response.status() == 200 && condition(&response.json()) {
                return response.json();
            }
            assert!(
                started.elapsed() < TIMEOUT,
                "{path} still returns {} {}",
                response.status(),
                response.body()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Runs the AWS CLI against the stack, and returns its output.
    #[must_use]
    pub fn aws(&self, arguments: &[&str]) -> Value {
        self.try_aws(arguments).unwrap_or_else(|| panic!("{arguments:?} printed nothing"))
    }

    /// Runs the AWS CLI against the stack, and returns its output, if any.
    pub fn try_aws(&self, arguments: &[&str]) -> Option<Value> {
        let mut command = Command::new("aws");
        command.args(["--output", "json", "--region", self.field("/region")]);
        command.args(["--endpoint-url", self.field("/awsEndpointUrl")]).args(arguments);
        let output = command.output().expect("the AWS CLI on the PATH");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command:?} failed: {err}");
        if out.trim().is_empty() {
            return None;
        }
        Some(serde_json::from_str(&out).unwrap_or_else(|error| panic!("{command:?}: {error} in {out:?}")))
    }

    /// Runs a Python tool of the project against the stack, and returns its output.
    #[must_use]
    pub fn run_tool(&self, name: &str, arguments: &[&str]) -> String {
        let python =
            env::var("E2E_PYTHON").expect("E2E_PYTHON names the Python of the tools; see `make e2e`");
        let tool = format!("{}/../../tools/{name}.py", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(python);
        command.args([&tool, "--local-stack", self.description_path()]).args(arguments);
        let output = command.output().expect("the tool");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    async fn send(
        &self,
        method: &str,
        url: String,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> HttpResponse {
        let request = hyper::Request::builder().method(method).uri(url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request: Request = request.body(Bytes::from(body.into())).expect("a request");
        HttpResponse { response: self.client.send(request).await }
    }
}

/// Escapes every byte that is not unreserved in a URL.
fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
