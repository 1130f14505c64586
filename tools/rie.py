"""Runs a function's program on Lambda's runtime interface emulator.

The SAM CLI contains this emulator and copies it into its containers. The emulator
also runs without a container.
"""

import json
import os
import platform
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emulator import HOST, find_free_port

STARTUP_SECONDS = 10
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


class Function:
    """A function that is invoked over HTTP, as the Lambda service invokes it."""

    def __init__(self, port: int, timeout: float) -> None:
        """Stores the emulator's port and the limit for the duration of an invocation."""
        self._url = f"http://{HOST}:{port}/2015-03-31/functions/function/invocations"
        self._timeout = timeout

    def invoke(self, event: bytes) -> Any:
        """Sends an event and returns the response, with exact decimal numbers.

        Messages of the emulator itself, for example about a timeout, may be plain text.
        """
        try:
            with urllib.request.urlopen(self._url, event, timeout=self._timeout) as response:
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode()
        try:
            return json.loads(text, parse_float=Decimal)
        except ValueError:
            return text


@contextmanager
def run_function(program: Path, environment: Mapping[str, str], timeout: int, log: Path) -> Iterator[Function]:
    """Runs a function's program until the context ends."""
    port, api_port = find_free_port(), find_free_port()
    command = [
        str(_locate_emulator()),
        f"--runtime-interface-emulator-address={HOST}:{port}",
        f"--runtime-api-address={HOST}:{api_port}",
        str(program),
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env={"AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout), **environment},
            cwd=program.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_for_port(port, process)
            # The emulator ends an invocation that exceeds the timeout.
            yield Function(port, timeout + STARTUP_SECONDS)
        finally:
            process.terminate()


def _locate_emulator() -> Path:
    package = find_spec("samcli")
    if package is None or package.origin is None:
        raise SystemExit("rie: the SAM CLI is not installed in this Python environment")
    architecture = ARCHITECTURES[platform.machine()]
    emulator = Path(package.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{architecture}"
    if not os.access(emulator, os.X_OK):
        emulator.chmod(0o755)
    return emulator


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"rie: the runtime interface emulator did not listen (exit code {process.poll()})")
