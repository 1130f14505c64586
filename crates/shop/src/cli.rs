//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::audit::AuditOptions;
use crate::console::ConsoleOptions;
use crate::load::LoadOptions;
use crate::watch::WatchOptions;

/// Operates a stack of the shop: the local one, or one on AWS.
#[derive(Debug, Parser)]
#[command(name = "shop")]
pub struct Cli {
    /// The stack.
    #[command(flatten)]
    pub target: TargetOptions,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

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

/// Access to a closed API.
#[derive(Debug, Clone, Default, Args)]
pub struct AccessOptions {
    /// Access token for a closed API
    #[arg(long, env = "SHOP_ACCESS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// API key for a closed API
    #[arg(long, env = "SHOP_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<String>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that orders, stock and ledger agree. Exit code 1: they differ
    Audit(AuditOptions),
    /// Print each change of an order's status as it happens
    Watch(WatchOptions),
    /// Send requests at a rate that does not depend on the responses, to a stack that --stack or --local
    /// names. Exit code 1: requests failed, or orders are undecided
    Load(LoadOptions),
    /// Serve a page that shows the stack live, on 127.0.0.1
    Console(ConsoleOptions),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_the_stack_may_follow_the_command() {
        let cli = Cli::parse_from(["shop", "audit", "--stack", "prod", "--region", "eu-west-1", "--json"]);
        assert_eq!(
            (cli.target.stack.as_deref(), cli.target.region.as_deref()),
            (Some("prod"), Some("eu-west-1"))
        );
        assert!(cli.json);
    }
}
