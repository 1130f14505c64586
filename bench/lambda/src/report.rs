//! The figures as they stand in `docs/performance.md`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::contestant::{BOTO3, HELLO_WORLD, NODE, ORDER_SERVICE};
use crate::instructions::{Counted, Goal};
use crate::measure::{Life, OnTheFloor};
use crate::statistics::{Distribution, ratio};

/// Everything that one run came to.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    /// The lives of each contestant's processes, by its name.
    pub(crate) lives: Vec<(&'static str, Vec<Life>)>,
    /// The same over TLS, up to the first invocation.
    pub(crate) lives_over_tls: Vec<(&'static str, Vec<Life>)>,
    pub(crate) floor: OnTheFloor,
    pub(crate) instructions: Vec<Counted>,
    /// The size of each deployment package in bytes, by the function's name.
    pub(crate) packages: Vec<(&'static str, u64)>,
}

const MEMORY_GOAL: u64 = 10_000_000;
pub(crate) const PACKAGE_GOAL: u64 = 2_600_000;

impl Results {
    /// Tables of everything, in Markdown.
    pub(crate) fn to_markdown(&self) -> String {
        let mut text = format!(
            "Measured on {}\n\
             {} rounds; each figure is the median, with the range of the middle 80% in brackets.\n\n",
            self.machine, self.rounds
        );
        text.push_str(&self.wall_time());
        text.push_str(&self.cold_over_tls());
        text.push_str(&self.instructions());
        text.push_str(&self.goals());
        text
    }

    fn wall_time(&self) -> String {
        let mut text =
            table(&["", "init", "first invocation", "cold: both", "warm p50", "warm p99", "peak memory"]);
        for (name, lives) in &self.lives {
            let warm = warm(lives);
            row(
                &mut text,
                &[
                    (*name).to_owned(),
                    millis(&init(lives)),
                    millis(&first(lives)),
                    millis(&cold(lives)),
                    millis(&warm),
                    format!("{} ms", in_millis(warm.percentile(99))),
                    megabytes(peak_memory(lives)),
                ],
            );
        }
        let (first, warm) = &self.floor;
        let warm = Distribution::of(warm.iter().copied());
        row(
            &mut text,
            &[
                "the same DynamoDB requests, no Lambda".to_owned(),
                String::new(),
                millis(&Distribution::of(first.iter().copied())),
                String::new(),
                millis(&warm),
                format!("{} ms", in_millis(warm.percentile(99))),
                String::new(),
            ],
        );
        text + "\n"
    }

    fn cold_over_tls(&self) -> String {
        let mut text = table(&["over TLS", "init", "first invocation", "cold: both"]);
        for (name, lives) in &self.lives_over_tls {
            let times = [init(lives), first(lives), cold(lives)].map(|times| millis(&times));
            row(&mut text, &[vec![(*name).to_owned()], times.into()].concat());
        }
        text + "\n"
    }

    fn instructions(&self) -> String {
        let mut text = table(&["instructions, in millions", "init", "first invocation", "warm invocation"]);
        for counted in &self.instructions {
            let counts = counted.instructions;
            let cells = [counts.init, counts.first, counts.warm].map(millions);
            row(&mut text, &[vec![counted.label()], cells.into()].concat());
        }
        text + "\n"
    }

    fn goals(&self) -> String {
        let mut text = table(&["goal", "measured", "met"]);
        let mut goal = |what: String, measured: String, met: bool| {
            row(&mut text, &[what, measured, if met { "yes" } else { "**no**" }.to_owned()]);
        };
        for Goal { what, measured, limit } in self.instructions.iter().flat_map(Counted::goals) {
            let wanted = format!("{what}: at most {} million instructions", millions(limit));
            goal(wanted, millions(measured), measured <= limit);
        }
        let [ours, hello] = [ORDER_SERVICE, HELLO_WORLD].map(|name| init(self.lives_of(name)).median());
        let times = ratio(ours, hello);
        goal(
            format!("init of {ORDER_SERVICE}: at most 2x that of {HELLO_WORLD}"),
            factor(times),
            times <= 2.0,
        );
        let ours = self.lives_of(ORDER_SERVICE);
        for (peer, wanted) in [(NODE, 40.0), (BOTO3, 80.0)] {
            let times = ratio(cold(self.lives_of(peer)).median(), cold(ours).median());
            goal(format!("cold: at least {wanted}x faster than {peer}"), factor(times), times >= wanted);
        }
        let floor = Distribution::of(self.floor.1.iter().copied()).median();
        for peer in [NODE, BOTO3] {
            let [peers, ours] = [self.lives_of(peer), ours].map(|lives| warm(lives).median());
            let times = ratio(peers, ours);
            let measured = format!(
                "{}; {} if it took no longer than the floor; {} of what is above the floor",
                factor(times),
                factor(ratio(peers, floor)),
                factor(ratio(peers.saturating_sub(floor), ours.saturating_sub(floor)))
            );
            goal(format!("warm p50: at least 6x faster than {peer}"), measured, times >= 6.0);
        }
        for (name, lives) in self.lives.iter().filter(|(name, _)| ![NODE, BOTO3].contains(name)) {
            let most = peak_memory(lives);
            let what = format!("peak memory of {name}: at most {}", megabytes(MEMORY_GOAL));
            goal(what, megabytes(most), most <= MEMORY_GOAL);
        }
        for (name, bytes) in &self.packages {
            let what = format!("package of {name}: at most {}", megabytes(PACKAGE_GOAL));
            goal(what, megabytes(*bytes), *bytes <= PACKAGE_GOAL);
        }
        text
    }

    fn lives_of(&self, wanted: &str) -> &[Life] {
        self.lives.iter().find(|(name, _)| *name == wanted).map_or(&[], |(_, lives)| lives)
    }
}

fn init(lives: &[Life]) -> Distribution {
    Distribution::of(lives.iter().map(|life| life.init))
}

fn first(lives: &[Life]) -> Distribution {
    Distribution::of(lives.iter().map(|life| life.first))
}

fn peak_memory(lives: &[Life]) -> u64 {
    lives.iter().map(|life| life.peak_memory).max().unwrap_or_default()
}

fn cold(lives: &[Life]) -> Distribution {
    Distribution::of(lives.iter().map(|life| life.init + life.first))
}

fn warm(lives: &[Life]) -> Distribution {
    Distribution::of(lives.iter().flat_map(|life| life.warm.iter().copied()))
}

fn table(heads: &[&str]) -> String {
    let rule = vec!["---"; heads.len()].join(" | ");
    format!("| {} |\n| {rule} |\n", heads.join(" | "))
}

fn row(text: &mut String, cells: &[String]) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn millis(times: &Distribution) -> String {
    let [low, median, high] = [10, 50, 90].map(|percent| in_millis(times.percentile(percent)));
    format!("{median} ms ({low}–{high})")
}

fn in_millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    if millis < 10.0 { format!("{millis:.2}") } else { format!("{millis:.0}") }
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

fn millions(count: u64) -> String {
    format!("{}.{:02}", count / 1_000_000, count % 1_000_000 / 10_000)
}

fn factor(times: f64) -> String {
    format!("{times:.1}x")
}
