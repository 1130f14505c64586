//! `shop`: see `shop --help`.

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use serde::Serialize;
use shop::cli::{Cli, Command};
use shop::load::distribution;
use shop::stack::Stack;
use shop::{audit, console, load, watch};

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

async fn run(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    let target = &cli.target;
    match cli.command {
        Command::Audit(options) => {
            let report = audit::run(&Stack::open(target).await?, &options).await?;
            print(&report, cli.json)?;
            Ok(ExitCode::from(report.exit_code()))
        }
        Command::Watch(options) => {
            watch::run(&Stack::open(target).await?, &options, cli.json, &mut io::stdout().lock()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Console(options) => {
            console::run(&Stack::open(target).await?, &options).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Load(options) => {
            let report = load::run(&Stack::open_named(target).await?, &options).await?;
            print(&report, cli.json)?;
            if let Some(file) = &options.csv {
                fs::write(file, distribution::to_csv(&report)?)?;
            }
            if let Some(file) = &options.svg {
                fs::write(file, distribution::to_svg(&report)?)?;
            }
            Ok(ExitCode::from(report.exit_code()))
        }
    }
}

fn print(report: &(impl Display + Serialize), as_json: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    if as_json {
        writeln!(output, "{}", serde_json::to_string_pretty(report)?)
    } else {
        write!(output, "{report}")
    }
}
