//! The measured programs: the functions of this project, and the peers that place the
//! same orders (`bench/peers`).

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyper::body::Bytes;
use test_support::TestShop;

use crate::process::Program;
use crate::tls::TlsTerminator;

pub(crate) const ORDER_SERVICE: &str = "order-service";
pub(crate) const INVENTORY_SERVICE: &str = "inventory-service";
pub(crate) const HELLO_WORLD: &str = "hello-world";
pub(crate) const NODE: &str = "Node.js (AWS SDK v3, bundled)";
pub(crate) const BOTO3: &str = "Python (boto3)";
pub(crate) const RUST: &str = "Rust (SDK defaults)";

/// The program of the Rust peer, which `make bench` builds.
const RUST_PEER: &str = ".local/bench/rust/release/rust-peer";
/// The folder in which `make bench` bundles the Node.js peer.
const NODE_PEER: &str = ".local/bench/node";
const PYTHON_PEER: &str = "bench/peers/python";
/// The Python interpreter of the Python peer.
pub(crate) const PYTHON: &str = ".local/venv/bench/bin/python";

/// A program with the invocation that it is measured with.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) transport: Transport,
    pub(crate) program: Program,
    pub(crate) payload: Bytes,
}

/// The protocol between a target and the DynamoDB engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    Https,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl Target {
    /// Returns the same target with the connection to the engine over TLS.
    pub(crate) fn over_tls(&self, terminator: &TlsTerminator) -> Self {
        let mut target = Self { transport: Transport::Https, ..self.clone() };
        target.program.environment.extend(terminator.environment());
        target
    }
}

/// The folder with the functions' programs: `NAME/bootstrap` of cargo-lambda, or
/// `NAME` of Cargo.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FunctionDirectory<'a>(pub(crate) &'a Path);

impl FunctionDirectory<'_> {
    /// Returns the path of a function's program.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        let program = self.0.join(name);
        if program.is_dir() { program.join("bootstrap") } else { program }
    }

    /// Returns a function of this project, by the name of its program.
    pub(crate) fn target(self, name: &'static str, event: &str, shop: &TestShop) -> io::Result<Target> {
        let program = self.program(name);
        if !program.exists() {
            return Err(io::Error::other(format!("{} is not built", program.display())));
        }
        target(name, vec![program.to_string_lossy().into_owned()], event, shop, &[])
    }
}

/// Returns the peers, in the order of the tables.
pub(crate) fn peers(event: &str, shop: &TestShop) -> io::Result<[Target; 3]> {
    Ok([rust_peer(event, shop)?, node_peer(event, shop)?, python_peer(event, shop)?])
}

/// Returns the Rust peer.
pub(crate) fn rust_peer(event: &str, shop: &TestShop) -> io::Result<Target> {
    target(RUST, vec![RUST_PEER.to_owned()], event, shop, &[])
}

/// Returns the Node.js peer.
pub(crate) fn node_peer(event: &str, shop: &TestShop) -> io::Result<Target> {
    let command = vec!["node".to_owned(), format!("{NODE_PEER}/runtime.mjs")];
    let no_warnings = [("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true")];
    target(NODE, command, event, shop, &no_warnings)
}

/// Returns the Python peer.
pub(crate) fn python_peer(event: &str, shop: &TestShop) -> io::Result<Target> {
    let command = [PYTHON, "-m", "awslambdaric", "handler.lambda_handler"].map(str::to_owned);
    // The folder in which Lambda's runtimes look for the code of a function.
    let code = [("LAMBDA_TASK_ROOT", PYTHON_PEER), ("PYTHONPATH", PYTHON_PEER)];
    target(BOTO3, command.into(), event, shop, &code)
}

fn target(
    name: &'static str,
    command: Vec<String>,
    event: &str,
    shop: &TestShop,
    variables: &[(&str, &str)],
) -> io::Result<Target> {
    let payload = Bytes::from(fs::read(format!("events/{event}.json"))?);
    let mut environment = shop.environment();
    environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Ok(Target { name, transport: Transport::Http, program: Program { command, environment }, payload })
}
