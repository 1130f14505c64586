//! A function's process, from its start to its end.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use crate::runtime_api::{Misbehaviour, RuntimeApi};

/// How a function is started, and with what in its environment beside what
/// Lambda itself sets.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// A function could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0} cannot be started: {1}")]
    Start(String, io::Error),
    #[error("{0}: {1}")]
    Misbehaved(String, Misbehaviour),
    #[error("{0} ended with {1} instead of by the signal that it was sent")]
    Ended(String, std::process::ExitStatus),
    #[error("the memory of {0} cannot be read: {1}")]
    Memory(String, io::Error),
}

/// A function that has asked for its first invocation. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    api: RuntimeApi,
    /// From its start to its first question for an invocation.
    pub(crate) init: Duration,
}

impl Process {
    /// Starts a function as Lambda does: with nothing in its environment but
    /// what it is given. <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
    pub(crate) fn start(program: &Program) -> Result<Self, Failure> {
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
        let begun = Instant::now();
        let child = command.spawn().map_err(|error| Failure::Start(name.clone(), error))?;
        let mut process = Self { name, child, api, init: Duration::ZERO };
        let ready = process.api.wait_for_next().map_err(|error| process.misbehaved(error))?;
        process.init = ready.duration_since(begun);
        Ok(process)
    }

    /// One invocation: how long until the answer is there, and the answer.
    pub(crate) fn invoke(&self, payload: &Bytes) -> Result<(Duration, Bytes), Failure> {
        let outcome = self.api.invoke(payload.clone()).map_err(|error| self.misbehaved(error))?;
        self.api.wait_for_next().map_err(|error| self.misbehaved(error))?;
        Ok(outcome)
    }

    /// The most memory that it had resident so far, in bytes.
    /// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
    pub(crate) fn peak_memory(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.map_err(|error| Failure::Memory(self.name.clone(), error))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let missing = || Failure::Memory(self.name.clone(), io::Error::other("no VmHWM"));
        Ok(kilobytes.ok_or_else(missing)? * 1024)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> Result<(), Failure> {
        let pid = self.child.id().to_string();
        let signal = Command::new("kill").args(["-TERM", &pid]).status();
        signal.map_err(|error| Failure::Start("kill".into(), error))?;
        let status = self.child.wait().map_err(|error| Failure::Start(self.name.clone(), error))?;
        // A function that ends by itself has not served until now.
        if status.code().is_some() { Err(Failure::Ended(self.name.clone(), status)) } else { Ok(()) }
    }

    fn misbehaved(&self, error: Misbehaviour) -> Failure {
        Failure::Misbehaved(self.name.clone(), error)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
