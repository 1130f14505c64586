//! What the figures were measured on.

use std::fs;
use std::process::Command;

use crate::contestant::PYTHON;

/// A sentence about the machine and the programs that take part.
pub(crate) fn description() -> String {
    let processor = after("/proc/cpuinfo", "model name\t: ").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = after("/proc/meminfo", "MemTotal:").and_then(|text| kilobytes(&text)).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim().to_owned();
    let versions = ["rustc", "node", PYTHON].map(version).join(", ");
    format!("{processor}, {cores} cores, {} GB, Linux {kernel}; {versions}.", memory / 1_000_000)
}

fn after(file: &str, prefix: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(prefix)).map(|rest| rest.trim().to_owned())
}

fn kilobytes(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.trim().parse().ok()
}

/// For example `Python 3.11.7` and `node v20.20.2`.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.starts_with('v') { format!("{program} {text}") } else { text }
}
