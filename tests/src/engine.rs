//! The DynamoDB that the tests run on.

use std::env;
use std::sync::LazyLock;

use dynoxide::Database;
use tokio::net::TcpListener;

use crate::background;
use crate::http;

static ENDPOINT: LazyLock<String> = LazyLock::new(|| match named() {
    Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
    None => start_embedded(),
});

/// The URL of the engine: the one that `DYNAMODB_ENDPOINT` names, or one
/// inside this process, which lives as long as the process does.
pub(crate) fn endpoint() -> &'static str {
    &ENDPOINT
}

/// Whether the engine counts units right, which for transactions only the one
/// inside this process does. Says so of a test that has to leave off.
#[must_use]
pub fn counts_units() -> bool {
    let embedded = named().is_none();
    if !embedded {
        eprintln!("not counted: only the embedded engine counts the units of transactions right");
    }
    embedded
}

fn named() -> Option<String> {
    env::var("DYNAMODB_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty())
}

fn start_embedded() -> String {
    let (listener, url) = http::bind();
    let database = Database::memory().expect("an embedded database");
    background::detach(async move {
        let listener = TcpListener::from_std(listener).expect("a listener");
        dynoxide::server::serve_on(listener, database).await;
    });
    url
}
