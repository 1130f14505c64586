//! How many instructions a function executes in each phase of its life, counted
//! by callgrind: <https://valgrind.org/docs/manual/cl-manual.html>
//!
//! Nothing in the function marks where a phase begins. It is run several times
//! instead, each time with more invocations, and the differences are the phases.
//! Counts vary by a fraction of a percent: with addresses, seeds of hash tables,
//! and how answers are cut into packets.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::contestant::{Contestant, ORDER_SERVICE};
use crate::process::{Failure, Process, Program};

/// Warm invocations that are counted together.
const WARM: u32 = 20;

/// The goals for OrderServiceFunction that places an order.
const GOALS: Instructions = Instructions { init: 2_500_000, first: 6_000_000, warm: 1_500_000 };
/// What the check allows above a goal, in percent: compilers and libraries change.
const HEADROOM: u64 = 20;

/// The instructions of each phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instructions {
    /// From the start of the process until it asks for its first invocation.
    pub(crate) init: u64,
    /// The first invocation.
    pub(crate) first: u64,
    /// A later invocation, on average.
    pub(crate) warm: u64,
}

/// The instructions of one function.
#[derive(Debug)]
pub(crate) struct Counted {
    name: &'static str,
    way: &'static str,
    pub(crate) instructions: Instructions,
}

/// What was counted, and the most that it should be.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) measured: u64,
    pub(crate) limit: u64,
}

impl Counted {
    pub(crate) fn of(contestant: &Contestant, directory: &Path) -> Result<Self, Uncounted> {
        Ok(Self { name: contestant.name, way: contestant.way, instructions: count(contestant, directory)? })
    }

    /// Which function, and how it reached the engine.
    pub(crate) fn label(&self) -> String {
        format!("{}{}", self.name, self.way)
    }

    /// The goals for this function, if there are any.
    pub(crate) fn goals(&self) -> Vec<Goal> {
        let Instructions { init, first, warm } = self.instructions;
        let goal =
            |phase, measured, limit| Goal { what: format!("{phase} of {}", self.label()), measured, limit };
        match self.name {
            ORDER_SERVICE => vec![
                goal("init", init, GOALS.init),
                goal("first invocation", first, GOALS.first),
                goal("warm invocation", warm, GOALS.warm),
            ],
            _ => Vec::new(),
        }
    }

    /// The goals that are missed by more than the headroom.
    pub(crate) fn exceeded(&self) -> Vec<String> {
        let limit = |goal: &Goal| goal.limit * (100 + HEADROOM) / 100;
        let missed = self.goals().into_iter().filter(|goal| goal.measured > limit(goal));
        missed
            .map(|goal| format!("{}: {} instructions, above {}", goal.what, goal.measured, limit(&goal)))
            .collect()
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instructions { init, first, warm } = self.instructions;
        write!(
            f,
            "{}: {init} instructions in init, {first} in the first invocation, {warm} in a warm one",
            self.label()
        )
    }
}

/// Instructions could not be counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Uncounted {
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error("callgrind's output {0} cannot be read: {1}")]
    Output(PathBuf, io::Error),
    #[error("callgrind's output {0} has no totals")]
    NoTotals(PathBuf),
}

/// Counts the instructions of a function. The profiles stay in `directory`, for `callgrind_annotate`.
fn count(contestant: &Contestant, directory: &Path) -> Result<Instructions, Uncounted> {
    let init = total(contestant, 0, directory)?;
    let one = total(contestant, 1, directory)?;
    let many = total(contestant, 1 + WARM, directory)?;
    Ok(Instructions { init, first: one - init, warm: (many - one) / u64::from(WARM) })
}

fn total(contestant: &Contestant, invocations: u32, directory: &Path) -> Result<u64, Uncounted> {
    let Contestant { name, program, payload, .. } = contestant;
    let profile = directory.join(format!("callgrind.{name}.{invocations}"));
    let output = format!("--callgrind-out-file={}", profile.display());
    let valgrind = ["valgrind", "--tool=callgrind", "--quiet", &output].map(str::to_owned);
    let program = Program {
        command: valgrind.into_iter().chain(program.command.iter().cloned()).collect(),
        ..program.clone()
    };
    let process = Process::start(&program)?;
    for _ in 0..invocations {
        process.invoke(payload)?;
    }
    process.terminate()?;
    let text = fs::read_to_string(&profile).map_err(|error| Uncounted::Output(profile.clone(), error))?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    totals.ok_or(Uncounted::NoTotals(profile))
}
