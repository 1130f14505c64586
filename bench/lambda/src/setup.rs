//! The machine and the programs of a measurement.

use std::fs;
use std::process::Command;

use figures::rows::LambdaSetup;

use crate::target::PYTHON;

/// Describes the machine, the versions, and the number of rounds.
pub(crate) fn describe(rounds: usize) -> Vec<LambdaSetup> {
    let processor = value_in("/proc/cpuinfo", "model name\t: ").unwrap_or_else(|| "unknown".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = value_in("/proc/meminfo", "MemTotal:").and_then(|text| kilobytes(&text)).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let properties = [
        ("processor", processor),
        ("cores", cores.to_string()),
        ("memory in GB", (memory / 1_000_000).to_string()),
        ("kernel", format!("Linux {kernel}")),
        ("Rust", version("rustc")),
        ("Node.js", version("node")),
        ("Python", version(PYTHON)),
        ("rounds", rounds.to_string()),
    ];
    let row = |(property, value): (&str, String)| LambdaSetup { property: property.to_owned(), value };
    properties.map(row).into()
}

fn value_in(file: &str, prefix: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(prefix)).map(|rest| rest.trim().to_owned())
}

fn kilobytes(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.trim().parse().ok()
}

/// Returns the version of a program, such as `Python 3.11.7` or `node v20.20.2`.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.starts_with('v') { format!("{program} {text}") } else { text }
}
