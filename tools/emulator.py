"""A local AWS in one process, for one directory of this project."""

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
# The emulator's own account. It takes no other without signing up.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# What the functions, which are its children, need of the environment.
INHERITED = ("HOME", "LANG", "PATH")
START_SECONDS = 60
STOP_SECONDS = 10


class EmulatorError(Exception):
    """Why there is no emulator, in one line."""


@dataclass(frozen=True)
class Emulator:
    """A local AWS that keeps its files in a directory and listens on a port of this machine.

    It enforces the policies of the functions' roles if asked to.
    """

    directory: Path
    port: int
    enforces_policies: bool = False

    @property
    def endpoint(self) -> str:
        """Where it serves the APIs of AWS."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What it and the functions write."""
        return self.directory / "emulator.log"

    @property
    def credentials(self) -> dict[str, str]:
        """What tells clients of AWS to talk to it."""
        return CREDENTIALS | {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            # Whatever is set up for the real AWS must not be used by mistake.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def client_environment(self) -> dict[str, str]:
        """An environment in which clients of AWS talk to it, and to nothing else."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | self.credentials

    def pid(self) -> int | None:
        """Its process, if it runs: never another one that has come to have the same number."""
        record = self._record()
        return int(record["pid"]) if record and self._owns(int(record["pid"])) else None

    def start(self) -> bool:
        """Starts it, unless it runs; whether it had to."""
        if self.pid() is not None:
            self._check_port_is_the_same()
            return False
        self._check_port_is_free()
        self._temporary.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [PYTHON, "-m", "ministack"],
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(json.dumps({"pid": process.pid, "port": self.port}))
        self._wait_until_healthy(process)
        return True

    def stop(self) -> bool:
        """Stops it with the functions that it runs; whether there was anything to stop."""
        pid = self.pid()
        if pid is not None:
            _end_group(pid)
        self._pid_file.unlink(missing_ok=True)
        shutil.rmtree(self._temporary, ignore_errors=True)
        return pid is not None

    @property
    def _pid_file(self) -> Path:
        return self.directory / "emulator.json"

    @property
    def _temporary(self) -> Path:
        return self.directory / "tmp"

    def _record(self) -> dict[str, int] | None:
        try:
            return dict(json.loads(self._pid_file.read_text()))
        except FileNotFoundError:
            return None

    def _owns(self, pid: int) -> bool:
        """Whether a process was started by, and for, this directory."""
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return f"TMPDIR={self._temporary}".encode() in environment.split(b"\0")

    def _check_port_is_the_same(self) -> None:
        record = self._record()
        if record and record["port"] != self.port:
            raise EmulatorError(f"it runs on port {record['port']}: give PORT={record['port']}, or stop it first")

    def _check_port_is_free(self) -> None:
        with socket.socket() as client:
            if client.connect_ex((HOST, self.port)) == 0:
                raise EmulatorError(f"port {self.port} is taken by something else: give another, PORT=...")

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        settings = {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            "AUTH": str(self.enforces_policies).lower(),
            # Would listen on every interface.
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
        raise EmulatorError(f"it did not start within {START_SECONDS} s, see {self.log}")


@contextmanager
def temporary_emulator(name: str, *, enforces_policies: bool = False) -> Iterator[Emulator]:
    """An emulator for as long as the context lasts, in a directory that keeps its logs."""
    emulator = Emulator(ROOT / ".local" / name, free_port(), enforces_policies)
    signal.signal(signal.SIGTERM, _unwind)
    emulator.stop()  # what a run that was killed may have left
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def client(service: str, endpoint: str) -> Any:
    """A client of an AWS service, of an emulator that serves it at an endpoint."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _end_group(leader: int) -> None:
    os.killpg(leader, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _exists(leader) and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _exists(pid: int) -> bool:
    """Whether a process is alive; one that has ended and is still listed is not."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return Path(f"/proc/{pid}").exists()
