//! Measures the functions as Lambda runs them, side by side with peers in other
//! languages, on the embedded DynamoDB engine of the tests or on the one that
//! `DYNAMODB_ENDPOINT` names. See `docs/performance.md`.
//!
//! ```text
//! bench measure FUNCTIONS       prints all figures and writes them to docs/performance.md
//! bench instructions FUNCTIONS  counts instructions, and fails above the limits
//! bench agreement FUNCTIONS     fails if the peers answer or store otherwise
//! ```
//!
//! `FUNCTIONS` is the folder with the functions' programs. Run it from the root
//! of the project, by `make bench` and its like.

mod agreement;
mod contestant;
mod document;
mod floor;
mod instructions;
mod machine;
mod measure;
mod process;
mod report;
mod runtime_api;
mod size;
mod statistics;
mod tls;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use test_support::TestShop;
use tokio::runtime::{Builder, Runtime};

use crate::contestant::{Contestant, Functions, HELLO_WORLD, INVENTORY_SERVICE, ORDER_SERVICE};
use crate::floor::Floor;
use crate::instructions::Counted;
use crate::measure::{Life, Lives};
use crate::report::Results;
use crate::tls::Terminator;

const DOCUMENT: &str = "docs/performance.md";
/// For profiles and packages.
const WORK: &str = ".local/bench";

const PLACE_ORDER: &str = "api-post-order";
const ROUNDS: usize = 20;
/// The functions, each with the event that it is measured with.
const FUNCTIONS: [(&str, &str); 3] =
    [(ORDER_SERVICE, PLACE_ORDER), (INVENTORY_SERVICE, "api-get-inventory"), (HELLO_WORLD, "hello")];

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["measure", functions] => measure(Functions(Path::new(functions))),
        ["instructions", functions] => check_limits(Functions(Path::new(functions))),
        ["agreement", functions] => check_agreement(Functions(Path::new(functions))),
        _ => Err("usage: bench measure|instructions|agreement FUNCTIONS".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(functions: Functions<'_>) -> Result<(), Box<dyn Error>> {
    let runtime = runtime()?;
    let shop = runtime.block_on(async { TestShop::seeded().await.without_stream().await });
    let mut contestants = all(functions, &shop)?;
    contestants.extend(contestant::peers(PLACE_ORDER, &shop)?);
    let floor = runtime.block_on(Floor::record(PLACE_ORDER, &shop))?;
    let terminator = Terminator::start(shop.endpoint(), Path::new(WORK))?;
    let over_tls = placing_orders(&contestants).map(|contestant| contestant.by_way_of(&terminator));
    let over_tls: Vec<_> = over_tls.collect();

    let (lives, floor) = measure::measure(&contestants, &floor, ROUNDS)?;
    let results = Results {
        machine: machine::description(),
        rounds: ROUNDS,
        lives: named(&contestants, lives),
        lives_over_tls: named(&over_tls, measure::measure_shortly(&over_tls, ROUNDS)?),
        floor,
        instructions: count(&[&all(functions, &shop)?[..], &over_tls[..1]].concat())?,
        packages: packages(functions)?,
    };
    let figures = results.to_markdown();
    println!("{figures}");
    Ok(document::rewrite(Path::new(DOCUMENT), &figures)?)
}

fn check_limits(functions: Functions<'_>) -> Result<(), Box<dyn Error>> {
    let shop = runtime()?.block_on(TestShop::seeded());
    let mut exceeded = Vec::new();
    for counted in count(&all(functions, &shop)?)? {
        println!("{counted}");
        exceeded.extend(counted.exceeded());
    }
    for (name, bytes) in packages(functions)? {
        println!("{name}: package of {bytes} bytes");
        if bytes > report::PACKAGE_GOAL {
            exceeded.push(format!("the package of {name} has more than {} bytes", report::PACKAGE_GOAL));
        }
    }
    if exceeded.is_empty() { Ok(()) } else { Err(exceeded.join("; ").into()) }
}

fn check_agreement(functions: Functions<'_>) -> Result<(), Box<dyn Error>> {
    let requests = runtime()?.block_on(agreement::check(functions))?;
    println!("Both peers answer {requests} requests, and store what comes of them, as {ORDER_SERVICE} does");
    Ok(())
}

fn all(functions: Functions<'_>, shop: &TestShop) -> Result<Vec<Contestant>, Box<dyn Error>> {
    Ok(FUNCTIONS.iter().map(|(name, event)| functions.named(name, event, shop)).collect::<Result<_, _>>()?)
}

/// Those of the contestants that do the same: OrderServiceFunction first, and its peers.
fn placing_orders(contestants: &[Contestant]) -> impl Iterator<Item = &Contestant> {
    contestants.iter().filter(|contestant| ![INVENTORY_SERVICE, HELLO_WORLD].contains(&contestant.name))
}

fn named(contestants: &[Contestant], lives: Lives) -> Vec<(&'static str, Vec<Life>)> {
    contestants.iter().map(|contestant| contestant.name).zip(lives).collect()
}

fn count(contestants: &[Contestant]) -> Result<Vec<Counted>, Box<dyn Error>> {
    fs::create_dir_all(WORK)?;
    let counted = contestants.iter().map(|contestant| Counted::of(contestant, Path::new(WORK)));
    Ok(counted.collect::<Result<_, _>>()?)
}

fn packages(functions: Functions<'_>) -> Result<Vec<(&'static str, u64)>, Box<dyn Error>> {
    let size = |(name, _)| Ok((name, size::of_package(functions, name, Path::new(WORK))?));
    FUNCTIONS.into_iter().map(size).collect()
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
