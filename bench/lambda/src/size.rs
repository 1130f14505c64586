//! What is uploaded to Lambda.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::contestant::Functions;

/// The size in bytes of a function's deployment package: its program, named as
/// Lambda wants it, compressed in the way that the SAM CLI does it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/rust-package.html>
pub(crate) fn of_package(functions: Functions<'_>, name: &str, directory: &Path) -> io::Result<u64> {
    let folder = directory.join(name);
    fs::create_dir_all(&folder)?;
    fs::copy(functions.0.join(name), folder.join("bootstrap"))?;
    let zip = ["-m", "zipfile", "-c", "package.zip", "bootstrap"];
    if !Command::new("python3").args(zip).current_dir(&folder).status()?.success() {
        return Err(io::Error::other(format!("{name} cannot be packaged")));
    }
    Ok(fs::metadata(folder.join("package.zip"))?.len())
}
