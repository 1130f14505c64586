//! `shop`: see `shop --help`.

use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use shop::cli::{Cli, Command};
use shop::stack::Stack;
use shop::{audit, watch};

/// Exit code for a command that could not be carried out. clap uses it for a wrong command line.
const FAILURE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shop: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let stack = Stack::open(&cli.target).await?;
    match cli.command {
        Command::Audit(options) => {
            let report = audit::run(&stack, &options).await?;
            if cli.json {
                println!("{}", serde_json::to_string_pretty(&report)?);
            } else {
                print!("{report}");
            }
            Ok(ExitCode::from(report.exit_code()))
        }
        Command::Watch(options) => {
            watch::run(&stack, &options, cli.json, &mut io::stdout().lock()).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
