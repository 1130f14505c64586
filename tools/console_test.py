"""Tests `shop console` in headless Chromium, on a temporary local AWS.

python tools/console_test.py

This needs Chromium, ChromeDriver and npm, which downloads axe-core for the accessibility check.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import Api
from emulator import ROOT, Emulator, EmulatorError, find_free_port, run_temporary_emulator
from operator_program import build_command
from stack import LOCAL, StackError, build, deploy, load_seed_data

AXE_VERSION = "4.14.1"
AXE_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
AXE_TARBALL = LOCAL / "axe-core" / f"axe-core-{AXE_VERSION}.tgz"
MANIFEST = ROOT / "tests" / "console" / "Cargo.toml"
# A name that changes the title of the page if it becomes markup.
MALICIOUS_NAME = "<img src=x onerror=\"document.title='changed'\">"


def main() -> int:
    """Runs the tests and returns their exit code."""
    for program in ("chromedriver", "chromium", "npm"):
        if shutil.which(program) is None:
            sys.exit(f"test-console: {program} is missing; on Debian: apt install chromium chromium-driver npm")
    try:
        axe = _download_axe()
        build()
        with run_temporary_emulator("console", enforces_policies=True) as emulator:
            _put_malicious_product(deploy(emulator)["apiUrl"])
            load_seed_data(emulator)
            with _run_console(emulator) as console, _run_driver() as driver:
                return _run_tests(console, driver, axe)
    except (EmulatorError, StackError) as error:
        sys.exit(f"test-console: {error}")


def _download_axe() -> Path:
    """Downloads axe-core and returns its script."""
    folder = AXE_TARBALL.parent
    folder.mkdir(parents=True, exist_ok=True)
    if not AXE_TARBALL.exists():
        npm_pack = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"axe-core@{AXE_VERSION}"]
        subprocess.run(npm_pack, stdout=subprocess.DEVNULL, check=True)
    digest = base64.b64encode(hashlib.sha512(AXE_TARBALL.read_bytes()).digest()).decode()
    if digest != AXE_SHA512:
        raise StackError(f"{AXE_TARBALL} has another hash than expected; delete it to download it again")
    with tarfile.open(AXE_TARBALL) as tarball:
        tarball.extract("package/axe.min.js", folder, filter="data")
    return folder / "package" / "axe.min.js"


def _put_malicious_product(api_url: str) -> None:
    """Adds a product with markup in its name, and one unit of it."""
    client = Api(api_url, lambda _caller: {})
    client.put("/products/003", {"name": MALICIOUS_NAME, "price": 1})
    client.post("/inventory/003/adjustments", {"delta": 1, "reason": "received"})


@contextmanager
def _run_console(emulator: Emulator) -> Iterator[str]:
    """Runs a console of the stack, and yields the address of its page."""
    command = build_command(emulator, "console", "--port", "0")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def _run_driver() -> Iterator[str]:
    """Runs ChromeDriver on a free port of the loopback interface, and yields its address."""
    url = f"http://127.0.0.1:{(port := find_free_port())}"
    with subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "started successfully" in line:
                    break
            with urllib.request.urlopen(f"{url}/status", timeout=10):
                yield url
        finally:
            process.terminate()


def _run_tests(console: str, driver: str, axe: Path) -> int:
    command = [
        "cargo",
        "test",
        "--locked",
        "--manifest-path",
        str(MANIFEST),
        "--target-dir",
        str(LOCAL / "console" / "target"),
    ]
    command += ["--", "--ignored", "--test-threads=1"]
    environment = os.environ | {"CONSOLE_URL": console, "CHROMEDRIVER_URL": driver, "AXE": str(axe)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
