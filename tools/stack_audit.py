"""Audits the stack on an emulator with `shop audit`."""

import json
import subprocess
import sys

from emulator import ROOT, Emulator
from stack import StackError, locate_stack_file

SHOP = ["cargo", "run", "--quiet", "--locked", "--package", "shop", "--"]


def count_findings(emulator: Emulator, *options: str) -> int:
    """Returns the number of violations, and prints the report if there are any."""
    command = [*SHOP, "audit", "--json", "--local", str(locate_stack_file(emulator)), *options]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if not result.stdout:
        raise StackError(f"shop audit failed (exit code {result.returncode})")
    report = json.loads(result.stdout)
    count = len(report["findings"]) + len(report["undecidedProducts"])
    if count:
        sys.stderr.write(result.stdout.decode())
    return count
