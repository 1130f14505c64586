//! The deployment package of a function.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::target::FunctionDirectory;

/// Returns the size in bytes of a function's deployment package: its program
/// with the name that Lambda requires, compressed as by the SAM CLI.
/// <https://docs.aws.amazon.com/lambda/latest/dg/rust-package.html>
pub(crate) fn size(functions: FunctionDirectory<'_>, name: &str, directory: &Path) -> io::Result<u64> {
    let folder = directory.join(name);
    fs::create_dir_all(&folder)?;
    fs::copy(functions.program(name), folder.join("bootstrap"))?;
    let zip = ["-m", "zipfile", "-c", "package.zip", "bootstrap"];
    if !Command::new("python3").args(zip).current_dir(&folder).status()?.success() {
        return Err(io::Error::other(format!("{name} cannot be packaged")));
    }
    Ok(fs::metadata(folder.join("package.zip"))?.len())
}
