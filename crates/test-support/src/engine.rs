//! The DynamoDB engine that the tests use.

use std::env;
use std::sync::LazyLock;

use dynoxide::Database;
use tokio::net::TcpListener;

use crate::background;
use crate::http;

static ENDPOINT: LazyLock<String> = LazyLock::new(|| match external() {
    Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
    None => start_embedded(),
});

/// Returns the URL of the engine: `DYNAMODB_ENDPOINT`, or else an engine inside this process that
/// lives as long as the process.
pub(crate) fn endpoint() -> &'static str {
    &ENDPOINT
}

/// Returns true if the engine counts the request units of transactions correctly. Only the embedded
/// engine does. Prints a note otherwise, because the calling test is then skipped.
#[must_use]
pub fn engine_counts_units() -> bool {
    let embedded = external().is_none();
    if !embedded {
        eprintln!("skipped: only the embedded engine counts the request units of transactions correctly");
    }
    embedded
}

fn external() -> Option<String> {
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
