//! The command line.

use clap::{Parser, Subcommand};

use crate::audit::AuditOptions;
use crate::console::ConsoleOptions;
use crate::load::LoadOptions;
use crate::stack::TargetOptions;
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

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that orders, stock and ledger agree. Exit codes: 0 clean, 1 findings, 2 failed or undecided
    Audit(AuditOptions),
    /// Print each change of an order's status as it happens
    Watch(WatchOptions),
    /// Send open-loop load to the stack named by --stack or --local. Exit code 1: a request failed or an
    /// order is undecided
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
