//! What is measured: the functions of this project, and the same order handler
//! as users of other languages would write it (`bench/peers`).

use std::fs;
use std::io;
use std::path::Path;

use hyper::body::Bytes;
use test_support::TestShop;

use crate::process::Program;
use crate::tls::Terminator;

/// Where `make bench` puts the peers.
const NODE_PEER: &str = ".local/bench/node";
const PYTHON_PEER: &str = "bench/peers/python";
pub(crate) const PYTHON: &str = ".local/venv/bench/bin/python";

/// A function, and the invocation that it is measured with.
#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// How it reaches the engine, where that is not plain HTTP.
    pub(crate) way: &'static str,
    pub(crate) program: Program,
    pub(crate) payload: Bytes,
}

impl Contestant {
    /// The same one, on another way to the engine.
    pub(crate) fn by_way_of(&self, terminator: &Terminator) -> Self {
        let mut over_tls = Self { way: ", over TLS", ..self.clone() };
        over_tls.program.environment.extend(terminator.environment());
        over_tls
    }
}

/// The folder that holds the functions' programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Functions<'a>(pub(crate) &'a Path);

pub(crate) const ORDER_SERVICE: &str = "order-service";
pub(crate) const INVENTORY_SERVICE: &str = "inventory-service";
pub(crate) const HELLO_WORLD: &str = "hello-world";
pub(crate) const NODE: &str = "Node.js, AWS SDK v3, bundled";
pub(crate) const BOTO3: &str = "Python, boto3";

impl Functions<'_> {
    /// One of this project's functions, by the name of its program.
    pub(crate) fn named(self, name: &'static str, event: &str, shop: &TestShop) -> io::Result<Contestant> {
        let program = self.0.join(name);
        if !program.exists() {
            return Err(io::Error::other(format!("{} is not built", program.display())));
        }
        contestant(name, vec![text(&program)], event, shop, &[])
    }
}

/// The two peers, in the order of the tables.
pub(crate) fn peers(event: &str, shop: &TestShop) -> io::Result<[Contestant; 2]> {
    let node = vec!["node".to_owned(), format!("{NODE_PEER}/runtime.mjs")];
    let python = [PYTHON, "-m", "awslambdaric", "handler.lambda_handler"].map(str::to_owned);
    // Where Lambda puts a function's code, and so where its runtimes look for it.
    let root = [("LAMBDA_TASK_ROOT", PYTHON_PEER), ("PYTHONPATH", PYTHON_PEER)];
    let quiet = [("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true")];
    Ok([contestant(NODE, node, event, shop, &quiet)?, contestant(BOTO3, python.into(), event, shop, &root)?])
}

fn contestant(
    name: &'static str,
    command: Vec<String>,
    event: &str,
    shop: &TestShop,
    more: &[(&str, &str)],
) -> io::Result<Contestant> {
    let payload = Bytes::from(fs::read(format!("events/{event}.json"))?);
    let mut environment = shop.environment();
    environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Ok(Contestant { name, way: "", program: Program { command, environment }, payload })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
