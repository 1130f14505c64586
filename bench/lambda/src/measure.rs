//! Wall time and memory of whole functions.

use std::error::Error;
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

/// For each contestant the lives of its processes.
pub(crate) type Lives = Vec<Vec<Life>>;
/// What the floor came to: each first time, and all the others.
pub(crate) type OnTheFloor = (Vec<Duration>, Vec<Duration>);

/// Runs the floor and every contestant once in each round, beginning with
/// another one each time, so that what else happens on the machine meets all of
/// them alike.
pub(crate) fn measure(
    contestants: &[Contestant],
    floor: &Floor,
    rounds: usize,
) -> Result<(Lives, OnTheFloor), Box<dyn Error>> {
    let mut lives = unborn(contestants);
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let (opening, placing) = floor.measure(WARM)?;
        first.push(opening);
        warm.extend(placing);
        live_once(contestants, round, long_life, &mut lives)?;
    }
    Ok((lives, (first, warm)))
}

/// The same without the floor, for lives of one invocation.
pub(crate) fn measure_shortly(contestants: &[Contestant], rounds: usize) -> Result<Lives, Failure> {
    let mut lives = unborn(contestants);
    for round in 0..rounds {
        live_once(contestants, round, short_life, &mut lives)?;
    }
    Ok(lives)
}

fn unborn(contestants: &[Contestant]) -> Lives {
    contestants.iter().map(|_| Vec::new()).collect()
}

fn live_once(
    contestants: &[Contestant],
    round: usize,
    live: fn(&Contestant) -> Result<Life, Failure>,
    lives: &mut Lives,
) -> Result<(), Failure> {
    for turn in 0..contestants.len() {
        let n = (round + turn) % contestants.len();
        lives[n].push(live(&contestants[n])?);
    }
    eprintln!("round {}", round + 1);
    Ok(())
}

/// A life long enough for a just-in-time compiler to show what it can do.
fn long_life(contestant: &Contestant) -> Result<Life, Failure> {
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
fn short_life(contestant: &Contestant) -> Result<Life, Failure> {
    let process = Process::start(&contestant.program)?;
    let (first, _) = process.invoke(&contestant.payload)?;
    Ok(Life { init: process.init, first, warm: Vec::new(), peak_memory: process.peak_memory()? })
}
