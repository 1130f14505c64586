//! Wall time and memory of whole functions.

use std::io;
use std::time::Duration;

use crate::contestant::Contestant;
use crate::floor::Floor;
use crate::process::{Failure, Process};

/// Invocations that are not measured: those in which a just-in-time compiler
/// still has to find out what to compile.
const WARM_UP: usize = 200;
/// Invocations that are measured in each round.
const WARM: usize = 300;

/// What one process of a function came to.
#[derive(Debug)]
pub(crate) struct Life {
    /// From its start until it asks for its first invocation.
    pub(crate) init: Duration,
    /// The first invocation.
    pub(crate) first: Duration,
    /// Later invocations.
    pub(crate) warm: Vec<Duration>,
    /// The most memory that it had resident, in bytes.
    pub(crate) peak_memory: u64,
}

/// Runs every contestant once in each round, beginning with another one each
/// time, so that what else happens on the machine meets all of them alike; for
/// each contestant the lives of its processes.
pub(crate) fn measure(
    contestants: &[Contestant],
    rounds: usize,
    live: impl Fn(&Contestant) -> Result<Life, Failure>,
) -> Result<Vec<Vec<Life>>, Failure> {
    let mut lives: Vec<Vec<Life>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let n = (round + turn) % contestants.len();
            lives[n].push(live(&contestants[n])?);
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    Ok(lives)
}

/// A life long enough for a just-in-time compiler to show what it can do.
pub(crate) fn long_life(contestant: &Contestant) -> Result<Life, Failure> {
    let process = Process::start(&contestant.program)?;
    let invoke = || process.invoke(&contestant.payload).map(|(time, _)| time);
    let first = invoke()?;
    for _ in 0..WARM_UP {
        invoke()?;
    }
    let warm = (0..WARM).map(|_| invoke()).collect::<Result<_, _>>()?;
    Ok(Life { init: process.init, first, warm, peak_memory: process.peak_memory()? })
}

/// A life of one invocation.
pub(crate) fn short_life(contestant: &Contestant) -> Result<Life, Failure> {
    let process = Process::start(&contestant.program)?;
    let (first, _) = process.invoke(&contestant.payload)?;
    Ok(Life { init: process.init, first, warm: Vec::new(), peak_memory: process.peak_memory()? })
}

/// The floor, measured as often as a function: each first time, and all the others.
pub(crate) fn floor(floor: &Floor, rounds: usize) -> io::Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (opening, placing) = floor.measure(WARM)?;
        first.push(opening);
        warm.extend(placing);
    }
    Ok((first, warm))
}
