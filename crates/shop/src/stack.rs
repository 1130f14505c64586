//! The stack that a command works on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudformation::error::DisplayErrorContext;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::sdk_config::SharedHttpClient;
use clap::Args;
use serde::Deserialize;

/// File that `make run` writes.
const LOCAL_STACK: &str = ".local/stack.json";

/// Access key and secret key of the local AWS, which has one account and verifies no signature.
const LOCAL_KEY: &str = "test";

/// Options that select a stack.
#[derive(Debug, Clone, Default, Args)]
pub struct TargetOptions {
    /// Stack on AWS [default: the local stack that `make run` starts]
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Option<String>,
    /// AWS Region of the stack [default: the region of the environment or the profile]
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Profile of the AWS configuration files
    #[arg(long, global = true, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// File that describes the local stack [default: .local/stack.json]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "stack")]
    pub local: Option<PathBuf>,
}

/// A stack, and how its AWS is called.
#[derive(Debug)]
pub struct Stack {
    /// Name.
    pub name: String,
    /// Configuration of the clients.
    pub config: SdkConfig,
    /// True for a stack on the local AWS.
    pub is_local: bool,
    /// Base URL of the API.
    pub api_url: String,
    /// Names of the tables.
    pub tables: Tables,
}

/// The names of the tables.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs, reason = "each field is named like its table")]
pub struct Tables {
    pub orders: String,
    pub customers: String,
    pub products: String,
    pub inventory: String,
}

/// A stack that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The local AWS does not run.
    #[error("{0} does not exist: start the local AWS with `make run`, or name a stack on AWS with --stack")]
    NotRunning(PathBuf),
    /// The file that describes the local stack cannot be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// File.
        file: PathBuf,
        /// Reason.
        error: io::Error,
    },
    /// CloudFormation did not describe the stack.
    #[error("stack {name}: {reason}")]
    NotDescribed {
        /// Stack.
        name: String,
        /// Reason.
        reason: String,
    },
    /// The command needs the name of a stack.
    #[error("name the stack: --stack NAME, or --local {LOCAL_STACK}")]
    NotNamed,
    /// An output is missing.
    #[error("stack {name} has no output {output}")]
    MissingOutput {
        /// Stack.
        name: String,
        /// Output.
        output: String,
    },
}

/// The part of stack.json that the commands need.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocalStack {
    stack_name: String,
    api_url: String,
    region: String,
    aws_endpoint_url: String,
    tables: Tables,
}

impl Stack {
    /// Opens the stack on AWS that the options name, or the local one.
    ///
    /// # Errors
    /// A [`StackError`] if the stack does not exist or cannot be read.
    pub async fn open(options: &TargetOptions) -> Result<Self, StackError> {
        match &options.stack {
            Some(name) => Self::open_on_aws(name, options).await,
            None => Self::open_local(options.local.as_deref().unwrap_or(Path::new(LOCAL_STACK))),
        }
    }

    /// Opens the stack that the options name.
    ///
    /// # Errors
    /// A [`StackError`] if the options name none, or if it does not exist or cannot be read.
    pub async fn open_named(options: &TargetOptions) -> Result<Self, StackError> {
        match options {
            TargetOptions { stack: None, local: None, .. } => Err(StackError::NotNamed),
            _ => Self::open(options).await,
        }
    }

    fn open_local(file: &Path) -> Result<Self, StackError> {
        let unreadable = |error| StackError::Unreadable { file: file.to_owned(), error };
        let text = fs::read_to_string(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StackError::NotRunning(file.to_owned()),
            _ => unreadable(error),
        })?;
        let local: LocalStack = serde_json::from_str(&text).map_err(|error| unreadable(error.into()))?;
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client())
            .region(Region::new(local.region))
            .endpoint_url(local.aws_endpoint_url)
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                LOCAL_KEY, LOCAL_KEY, None, None, "local",
            )))
            .build();
        Ok(Self {
            name: local.stack_name,
            is_local: true,
            config,
            api_url: local.api_url,
            tables: local.tables,
        })
    }

    async fn open_on_aws(name: &str, options: &TargetOptions) -> Result<Self, StackError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let outputs = read_outputs(&config, name).await?;
        let output = |output: &str| {
            let missing = || StackError::MissingOutput { name: name.to_owned(), output: output.to_owned() };
            outputs.get(output).cloned().ok_or_else(missing)
        };
        let tables = Tables {
            orders: output("OrdersTableName")?,
            customers: output("CustomersTableName")?,
            products: output("ProductsTableName")?,
            inventory: output("InventoryTableName")?,
        };
        Ok(Self { name: name.to_owned(), is_local: false, config, api_url: output("ApiUrl")?, tables })
    }
}

/// Reads the outputs of a stack on AWS.
async fn read_outputs(config: &SdkConfig, name: &str) -> Result<HashMap<String, String>, StackError> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let not_described = |reason| StackError::NotDescribed { name: name.to_owned(), reason };
    let response = client.describe_stacks().stack_name(name).send().await;
    let response = response.map_err(|error| not_described(DisplayErrorContext(error).to_string()))?;
    let outputs = response.stacks().first().map(|stack| stack.outputs()).unwrap_or_default();
    let pairs = outputs
        .iter()
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
    Ok(pairs.collect())
}

/// Returns an HTTP client with the TLS provider of the functions, and the root certificates of the system.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Stack, StackError> {
        let file = std::env::temp_dir().join(format!("stack-{}-{}.json", std::process::id(), text.len()));
        fs::write(&file, text).unwrap();
        let stack = Stack::open_local(&file);
        fs::remove_file(&file).unwrap();
        stack
    }

    #[test]
    fn reads_the_description_of_the_local_stack() {
        let text = r#"{"stackName":"s","apiUrl":"http://127.0.0.1:2","region":"eu-central-1","awsEndpointUrl":"http://127.0.0.1:1","other":1,
            "tables":{"orders":"o","customers":"c","products":"p","inventory":"i"}}"#;
        let stack = open(text).unwrap();
        assert_eq!((stack.name.as_str(), stack.tables.inventory.as_str()), ("s", "i"));
        assert_eq!(stack.config.endpoint_url(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn says_what_is_wrong_with_the_description() {
        assert!(open("{}").unwrap_err().to_string().contains("missing field"));
        let error = Stack::open_local(Path::new("/nonexistent/stack.json")).unwrap_err();
        assert!(error.to_string().contains("make run"), "{error}");
    }
}
