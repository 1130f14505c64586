//! The file that describes a stack, and the program.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::json;
use shop::stack::{Stack, TargetOptions};
use test_support::{REGION, TestShop};

/// A file that describes the stack of a test shop, until this is dropped.
pub(crate) struct StackFile(PathBuf);

impl StackFile {
    /// Describes the stack with the engine itself as its AWS.
    pub(crate) fn of(shop: &TestShop) -> Self {
        Self::with_endpoint(shop, shop.endpoint())
    }

    /// Describes the stack with the proxy as its AWS, which makes calls fail.
    pub(crate) fn behind_the_proxy(shop: &TestShop) -> Self {
        Self::with_endpoint(shop, shop.proxy.url())
    }

    fn with_endpoint(shop: &TestShop, endpoint: &str) -> Self {
        let tables = json!({"orders": shop.tables.orders, "customers": shop.tables.customers,
            "products": shop.tables.products, "inventory": shop.tables.inventory});
        let stack = json!({"stackName": "test", "apiUrl": "http://127.0.0.1:9", "region": REGION, "awsEndpointUrl": endpoint, "tables": tables});
        let file = std::env::temp_dir().join(format!("{}-{}.json", shop.tables.orders, endpoint.len()));
        fs::write(&file, stack.to_string()).unwrap();
        Self(file)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) async fn open(&self) -> Stack {
        let local = TargetOptions { local: Some(self.0.clone()), ..TargetOptions::default() };
        Stack::open(&local).await.unwrap()
    }
}

impl Drop for StackFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

/// Runs the program.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shop")).args(arguments).output().unwrap()
}
