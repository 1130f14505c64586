//! Measures the functions as Lambda runs them, side by side with peers in other
//! languages, on the embedded DynamoDB engine of the tests or on the engine at
//! `DYNAMODB_ENDPOINT`. See `docs/performance.md`.
//!
//! ```text
//! bench measure FUNCTIONS       measures everything and writes the figures
//! bench report                  writes docs/performance.md from the published figures
//! bench instructions FUNCTIONS  counts instructions, and fails above the limits
//! bench agreement FUNCTIONS     fails if a peer responds or stores differently
//! ```
//!
//! `FUNCTIONS` is the folder with the functions' programs. `measure` runs 20
//! rounds and replaces the published figures in `docs`. With another number of
//! `ROUNDS` in the environment it writes to `.local/bench/data`. Run it from
//! the root of the project, by `make bench` and similar targets.

mod baseline;
mod goals;
mod instructions;
mod lambda_figures;
mod measure;
mod package;
mod parity;
mod process;
mod results;
mod runtime_api;
mod setup;
mod statistics;
mod summary;
mod target;
mod tls;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use figures::{DATA, document};
use test_support::TestShop;
use tokio::runtime::{Builder, Runtime};

use crate::baseline::Baseline;
use crate::goals::MAX_PACKAGE;
use crate::instructions::{InstructionCount, TOLERANCE};
use crate::lambda_figures::LambdaFigures;
use crate::results::{PackageSize, Results};
use crate::target::{FunctionDirectory, HELLO_WORLD, INVENTORY_SERVICE, ORDER_SERVICE, Target};
use crate::tls::TlsTerminator;

const PAGE: &str = "docs/performance.md";
/// The folder for profiles and packages.
const WORK: &str = ".local/bench";
/// The folder for figures that are not published.
const UNPUBLISHED: &str = ".local/bench/data";
const PUBLISHED_ROUNDS: usize = 20;

const PLACE_ORDER: &str = "api-post-order";
/// The functions, each with the event that it is measured with.
const FUNCTIONS: [(&str, &str); 3] =
    [(ORDER_SERVICE, PLACE_ORDER), (INVENTORY_SERVICE, "api-get-inventory"), (HELLO_WORLD, "hello")];

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["measure", functions] => measure(FunctionDirectory(Path::new(functions))),
        ["report"] => report(),
        ["instructions", functions] => check_limits(FunctionDirectory(Path::new(functions))),
        ["agreement", functions] => check_parity(FunctionDirectory(Path::new(functions))),
        _ => Err("usage: bench measure|instructions|agreement FUNCTIONS, or bench report".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(functions: FunctionDirectory<'_>) -> Result<(), Box<dyn Error>> {
    let rounds = env::var("ROUNDS").map_or(Ok(PUBLISHED_ROUNDS), |rounds| rounds.parse())?;
    let runtime = runtime()?;
    let shop = runtime.block_on(async { TestShop::seeded().await.without_streams().await });
    let mut targets = function_targets(functions, &shop)?;
    targets.extend(target::peers(PLACE_ORDER, &shop)?);
    let baseline = runtime.block_on(Baseline::record(PLACE_ORDER, &shop))?;
    let terminator = TlsTerminator::start(shop.endpoint(), Path::new(WORK))?;
    let tls_targets: Vec<_> = targets
        .iter()
        .filter(|target| places_orders(target))
        .map(|target| target.over_tls(&terminator))
        .collect();

    let (runs, baseline) = measure::measure(&targets, &baseline, rounds)?;
    let tls_runs = measure::measure_cold_starts(&tls_targets, rounds)?;
    let rust_peer = target::rust_peer(PLACE_ORDER, &shop)?;
    let counted = [&function_targets(functions, &shop)?[..], &tls_targets[..1], &[rust_peer]].concat();
    let results = Results {
        setup: setup::describe(rounds),
        runs,
        tls_runs,
        baseline,
        instructions: count_instructions(&counted)?,
        packages: package_sizes(functions)?,
    };
    let figures = LambdaFigures::from(results);
    println!("{}", summary::summary(&figures));
    if rounds == PUBLISHED_ROUNDS {
        figures.write(Path::new(DATA))?;
        return report();
    }
    figures.write(Path::new(UNPUBLISHED))?;
    println!("The figures are in {UNPUBLISHED}");
    Ok(())
}

/// Writes the page from the published figures.
fn report() -> Result<(), Box<dyn Error>> {
    let figures = LambdaFigures::read(Path::new(DATA))?;
    Ok(document::replace_section(Path::new(PAGE), "make bench", &summary::summary(&figures))?)
}

fn check_limits(functions: FunctionDirectory<'_>) -> Result<(), Box<dyn Error>> {
    let shop = runtime()?.block_on(TestShop::seeded());
    let terminator = TlsTerminator::start(shop.endpoint(), Path::new(WORK))?;
    let mut targets = function_targets(functions, &shop)?;
    targets.push(functions.target(ORDER_SERVICE, PLACE_ORDER, &shop)?.over_tls(&terminator));
    let mut exceeded = Vec::new();
    for count in count_instructions(&targets)? {
        println!("{count}");
        exceeded.extend(count.exceeded());
    }
    for PackageSize { name, bytes } in package_sizes(functions)? {
        println!("{name}: package of {bytes} bytes");
        let tolerated = MAX_PACKAGE * (100 + TOLERANCE) / 100;
        if bytes > tolerated {
            exceeded.push(format!("the package of {name} has more than {tolerated} bytes"));
        }
    }
    if exceeded.is_empty() { Ok(()) } else { Err(exceeded.join("; ").into()) }
}

fn check_parity(functions: FunctionDirectory<'_>) -> Result<(), Box<dyn Error>> {
    let requests = runtime()?.block_on(parity::check(functions))?;
    println!("All peers respond to {requests} requests as {ORDER_SERVICE} does, and store the same orders");
    Ok(())
}

fn function_targets(
    functions: FunctionDirectory<'_>,
    shop: &TestShop,
) -> Result<Vec<Target>, Box<dyn Error>> {
    let targets = FUNCTIONS.iter().map(|(name, event)| functions.target(name, event, shop));
    Ok(targets.collect::<Result<_, _>>()?)
}

/// Returns true for order-service and its peers.
fn places_orders(target: &Target) -> bool {
    ![INVENTORY_SERVICE, HELLO_WORLD].contains(&target.name)
}

fn count_instructions(targets: &[Target]) -> Result<Vec<InstructionCount>, Box<dyn Error>> {
    fs::create_dir_all(WORK)?;
    let counts = targets.iter().map(|target| InstructionCount::of(target, Path::new(WORK)));
    Ok(counts.collect::<Result<_, _>>()?)
}

fn package_sizes(functions: FunctionDirectory<'_>) -> Result<Vec<PackageSize>, Box<dyn Error>> {
    let size = |(name, _)| Ok(PackageSize { name, bytes: package::size(functions, name, Path::new(WORK))? });
    FUNCTIONS.into_iter().map(size).collect()
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
