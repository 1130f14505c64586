//! The process of a function.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use crate::runtime_api::{ProtocolError, RuntimeApi};

/// The command that starts a function, and its environment variables in
/// addition to Lambda's.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// A failure to run a function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("{0} cannot be started: {1}")]
    Start(String, io::Error),
    #[error("{0}: {1}")]
    Protocol(String, ProtocolError),
    #[error("{0} exited with {1} instead of being terminated by the signal")]
    Exited(String, std::process::ExitStatus),
    #[error("the memory of {0} cannot be read: {1}")]
    Memory(String, io::Error),
}

/// A function that has requested its first invocation. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    api: RuntimeApi,
    /// The time from the start of the process to its first request for an invocation.
    pub(crate) init: Duration,
}

impl Process {
    /// Starts a function as Lambda does, with no other environment variables.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
    pub(crate) fn start(program: &Program) -> Result<Self, ProcessError> {
        let name = program.command.join(" ");
        let api = RuntimeApi::start();
        let mut command = Command::new(&program.command[0]);
        command
            .args(&program.command[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("AWS_LAMBDA_RUNTIME_API", api.authority())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().map_err(|error| ProcessError::Start(name.clone(), error))?;
        let mut process = Self { name, child, api, init: Duration::ZERO };
        let ready = process.api.wait_for_next().map_err(|error| process.protocol_error(error))?;
        process.init = ready.duration_since(start);
        Ok(process)
    }

    /// Invokes the function. Returns the time until it responded, and the response.
    pub(crate) fn invoke(&self, payload: &Bytes) -> Result<(Duration, Bytes), ProcessError> {
        let response = self.api.invoke(payload.clone()).map_err(|error| self.protocol_error(error))?;
        self.api.wait_for_next().map_err(|error| self.protocol_error(error))?;
        Ok(response)
    }

    /// Returns the peak resident memory so far, in bytes.
    /// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
    pub(crate) fn peak_memory(&self) -> Result<u64, ProcessError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.map_err(|error| ProcessError::Memory(self.name.clone(), error))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let missing = || ProcessError::Memory(self.name.clone(), io::Error::other("no VmHWM"));
        Ok(kilobytes.ok_or_else(missing)? * 1024)
    }

    /// Terminates the process and waits until it has ended.
    pub(crate) fn terminate(mut self) -> Result<(), ProcessError> {
        let pid = self.child.id().to_string();
        let signal = Command::new("kill").args(["-TERM", &pid]).status();
        signal.map_err(|error| ProcessError::Start("kill".into(), error))?;
        let status = self.child.wait().map_err(|error| ProcessError::Start(self.name.clone(), error))?;
        // A process with an exit code ended before it received the signal.
        if status.code().is_some() { Err(ProcessError::Exited(self.name.clone(), status)) } else { Ok(()) }
    }

    fn protocol_error(&self, error: ProtocolError) -> ProcessError {
        ProcessError::Protocol(self.name.clone(), error)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
