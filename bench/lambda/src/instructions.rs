//! The instructions that a function executes, counted by callgrind:
//! <https://valgrind.org/docs/manual/cl-manual.html>
//!
//! Nothing in the function marks where a phase begins. The function runs three
//! times with a different number of invocations. The differences between the
//! counts are the phases. Counts vary by a fraction of a percent, because of
//! addresses, seeds of hash tables, and the packets of responses.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::process::{Process, ProcessError, Program};
use crate::target::{HELLO_WORLD, ORDER_SERVICE, Target, Transport};

/// Warm invocations that are counted together.
const WARM_INVOCATIONS: u32 = 20;

/// The limits of each target.
const LIMITS: [(&str, Transport, Instructions); 3] = [
    (
        ORDER_SERVICE,
        Transport::Http,
        Instructions { init: 900_000, first_invocation: 1_800_000, warm_invocation: 1_400_000 },
    ),
    (
        ORDER_SERVICE,
        Transport::Https,
        Instructions { init: 700_000, first_invocation: 4_200_000, warm_invocation: 1_420_000 },
    ),
    (
        HELLO_WORLD,
        Transport::Http,
        Instructions { init: 160_000, first_invocation: 290_000, warm_invocation: 280_000 },
    ),
];
/// The tolerance of the check above a limit, in percent. Compilers and libraries change.
pub(crate) const TOLERANCE: u64 = 10;

/// The instructions of each phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instructions {
    /// From the start of the process until it requests its first invocation.
    pub(crate) init: u64,
    /// The first invocation.
    pub(crate) first_invocation: u64,
    /// A later invocation, on average.
    pub(crate) warm_invocation: u64,
}

impl Instructions {
    /// Returns each phase with its name in the figures.
    pub(crate) const fn phases(self) -> [(&'static str, u64); 3] {
        [
            ("init", self.init),
            ("first_invocation", self.first_invocation),
            ("warm_invocation", self.warm_invocation),
        ]
    }
}

/// The instructions of one target.
#[derive(Debug)]
pub(crate) struct InstructionCount {
    pub(crate) name: &'static str,
    pub(crate) transport: Transport,
    pub(crate) instructions: Instructions,
}

/// The instructions of one phase, and their limit.
#[derive(Debug, Clone, Copy)]
struct PhaseLimit {
    phase: &'static str,
    counted: u64,
    limit: u64,
}

impl InstructionCount {
    /// Counts the instructions of a target. Leaves the profiles in `directory`
    /// for `callgrind_annotate`.
    pub(crate) fn of(target: &Target, directory: &Path) -> Result<Self, CountError> {
        let init = total(target, 0, directory)?;
        let one = total(target, 1, directory)?;
        let many = total(target, 1 + WARM_INVOCATIONS, directory)?;
        let instructions = Instructions {
            init,
            first_invocation: one - init,
            warm_invocation: (many - one) / u64::from(WARM_INVOCATIONS),
        };
        Ok(Self { name: target.name, transport: target.transport, instructions })
    }

    /// Returns the name of the target, with TLS if it uses TLS.
    pub(crate) fn label(&self) -> String {
        match self.transport {
            Transport::Http => self.name.to_owned(),
            Transport::Https => format!("{} over TLS", self.name),
        }
    }

    /// Returns the limit of each phase, or nothing for a target without limits.
    fn limits(&self) -> Vec<PhaseLimit> {
        let limits =
            LIMITS.iter().filter(|(name, transport, _)| (*name, *transport) == (self.name, self.transport));
        limits
            .flat_map(|(_, _, limits)| self.instructions.phases().into_iter().zip(limits.phases()))
            .map(|((phase, counted), (_, limit))| PhaseLimit { phase, counted, limit })
            .collect()
    }

    /// Describes the limits that are exceeded by more than the tolerance.
    pub(crate) fn exceeded(&self) -> Vec<String> {
        let mut exceeded = Vec::new();
        for PhaseLimit { phase, counted, limit } in self.limits() {
            let tolerated = limit * (100 + TOLERANCE) / 100;
            if counted > tolerated {
                exceeded
                    .push(format!("{phase} of {}: {counted} instructions, above {tolerated}", self.label()));
            }
        }
        exceeded
    }
}

impl fmt::Display for InstructionCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instructions { init, first_invocation, warm_invocation } = self.instructions;
        write!(
            f,
            "{}: {init} instructions in init, {first_invocation} in the first invocation, \
             {warm_invocation} in a warm invocation",
            self.label()
        )
    }
}

/// A failure to count instructions.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("callgrind's output {0} cannot be read: {1}")]
    Output(PathBuf, io::Error),
    #[error("callgrind's output {0} has no totals")]
    NoTotals(PathBuf),
}

fn total(target: &Target, invocations: u32, directory: &Path) -> Result<u64, CountError> {
    let profile = directory.join(format!("callgrind.{}.{}.{invocations}", target.name, target.transport));
    let output = format!("--callgrind-out-file={}", profile.display());
    let valgrind = ["valgrind", "--tool=callgrind", "--quiet", &output].map(str::to_owned);
    let program = Program {
        command: valgrind.into_iter().chain(target.program.command.iter().cloned()).collect(),
        ..target.program.clone()
    };
    let process = Process::start(&program)?;
    for _ in 0..invocations {
        process.invoke(&target.payload)?;
    }
    process.terminate()?;
    let text = fs::read_to_string(&profile).map_err(|error| CountError::Output(profile.clone(), error))?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    totals.ok_or(CountError::NoTotals(profile))
}
