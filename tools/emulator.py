"""A local AWS in one process, with its files in one directory."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import boto3

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".local" / "venv" / "emulator" / "bin" / "python"
HOST = "127.0.0.1"
REGION = "eu-central-1"
# The emulator's default account. Other accounts require a subscription.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# Variables that the functions, the emulator's child processes, need.
INHERITED = ("HOME", "LANG", "PATH")
START_SECONDS = 60
STOP_SECONDS = 10


class EmulatorError(Exception):
    """A failure of the emulator, described in one line."""


@dataclass(frozen=True)
class Emulator:
    """A local AWS with a directory for its files and a port of this machine.

    With `enforces_policies`, it enforces the policies of the functions' roles.
    """

    directory: Path
    port: int
    enforces_policies: bool = False

    @property
    def endpoint(self) -> str:
        """URL of the AWS APIs."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Log file of the emulator and the functions."""
        return self.directory / "emulator.log"

    @property
    def credentials(self) -> dict[str, str]:
        """Environment variables that point AWS clients to the emulator."""
        return CREDENTIALS | {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            # Prevents the use of the caller's AWS configuration.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def client_environment(self) -> dict[str, str]:
        """The caller's environment with AWS clients restricted to the emulator."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | self.credentials

    def find_pid(self) -> int | None:
        """Returns the process id of the emulator if it runs.

        A different process that reuses the id is not returned.
        """
        record = self._read_record()
        return int(record["pid"]) if record and self._owns(int(record["pid"])) else None

    def start(self) -> bool:
        """Starts the emulator unless it is running. Returns true if this call started it."""
        if self.find_pid() is not None:
            self._check_port_is_unchanged()
            return False
        self._check_port_is_free()
        self._temporary.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [PYTHON, "-m", "ministack"],
                cwd=self.directory,
                env=self._build_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._record_file.write_text(json.dumps({"pid": process.pid, "port": self.port}))
        self._wait_until_healthy(process)
        return True

    def stop(self) -> bool:
        """Stops the emulator and its functions, and returns true if it ran."""
        pid = self.find_pid()
        if pid is not None:
            _stop_process_group(pid)
        self._record_file.unlink(missing_ok=True)
        shutil.rmtree(self._temporary, ignore_errors=True)
        return pid is not None

    @property
    def _record_file(self) -> Path:
        return self.directory / "emulator.json"

    @property
    def _temporary(self) -> Path:
        return self.directory / "tmp"

    def _read_record(self) -> dict[str, int] | None:
        try:
            return dict(json.loads(self._record_file.read_text()))
        except FileNotFoundError:
            return None

    def _owns(self, pid: int) -> bool:
        """Returns true if a process was started for this directory."""
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return f"TMPDIR={self._temporary}".encode() in environment.split(b"\0")

    def _check_port_is_unchanged(self) -> None:
        record = self._read_record()
        if record and record["port"] != self.port:
            port = record["port"]
            raise EmulatorError(f"the local AWS already runs on port {port}: use PORT={port}, or stop it first")

    def _check_port_is_free(self) -> None:
        with socket.socket() as client:
            if client.connect_ex((HOST, self.port)) == 0:
                raise EmulatorError(f"port {self.port} is in use: choose another port with PORT=number")

    def _build_environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        settings = {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            "AUTH": str(self.enforces_policies).lower(),
            # This service would listen on every interface.
            "IOT_MTLS_ENABLED": "false",
            "TMPDIR": str(self._temporary),
        }
        return inherited | self.credentials | settings

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise EmulatorError(f"the local AWS did not start within {START_SECONDS} s, see {self.log}")


@contextmanager
def run_temporary_emulator(name: str, *, enforces_policies: bool = False) -> Iterator[Emulator]:
    """Runs an emulator until the context ends. Its directory keeps the logs."""
    emulator = Emulator(ROOT / ".local" / name, find_free_port(), enforces_policies)
    signal.signal(signal.SIGTERM, _unwind)
    emulator.stop()  # An earlier run may have been killed before it stopped its emulator.
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def create_client(service: str, endpoint: str) -> Any:
    """Creates a client for an AWS service of the emulator at an endpoint."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def find_free_port() -> int:
    """Returns a port on which no process listens."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _stop_process_group(leader: int) -> None:
    os.killpg(leader, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_alive(leader) and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _is_alive(pid: int) -> bool:
    """Returns true if a process is alive. A terminated child is reaped and not alive."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return Path(f"/proc/{pid}").exists()
