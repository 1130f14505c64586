"""Runs the program `shop` on the stack of an emulator."""

import json
import subprocess
import sys

from emulator import ROOT, Emulator
from stack import StackError, locate_stack_file

SHOP = ["cargo", "run", "--quiet", "--locked", "--package", "shop", "--"]
# A rate that two cores sustain.
LOAD = ["--rate", "10", "--for", "15", "--cancels", "20", "--restocks", "20"]


def count_findings(emulator: Emulator, *options: str) -> int:
    """Returns the number of violations that `shop audit` finds, and prints the report if there are any."""
    result = _run(emulator, ["audit", "--json", *options])
    report = json.loads(result.stdout)
    count = len(report["findings"]) + len(report["undecidedProducts"])
    if count:
        sys.stderr.write(result.stdout.decode())
    return count


def run_load(emulator: Emulator) -> int:
    """Runs `shop load`, and returns 1 if requests failed or orders were not decided."""
    result = _run(emulator, ["load", *LOAD])
    print(result.stdout.decode(), end="", flush=True)
    return result.returncode


def build_command(emulator: Emulator, *arguments: str) -> list[str]:
    """Returns the command line of the program for the stack of an emulator."""
    return [*SHOP, *arguments, "--local", str(locate_stack_file(emulator))]


def _run(emulator: Emulator, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    command = build_command(emulator, *arguments)
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if not result.stdout:
        raise StackError(f"shop {arguments[0]} failed (exit code {result.returncode})")
    return result
