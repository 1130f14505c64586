"""Deploys everything to a local AWS of its own and runs the end-to-end tests there.

That AWS enforces the policies of the functions' roles, which the one of `make run`
does not, so that an action that a role does not allow is noticed.
"""

import os
import subprocess
import sys

from emulator import ROOT, Emulator, EmulatorError, temporary_emulator
from stack import LOCAL, StackError, build, deploy, load_seed_data, stack_file

AWS_CLI = LOCAL / "venv" / "aws" / "bin"
PROGRAMS = ["--test", "e2e", "--test", "e2e_poison", "--test", "e2e_operations"]
TESTS = ["cargo", "test", "--locked", "--package", "tests", *PROGRAMS, "--", "--ignored", "--test-threads=1"]


def main() -> int:
    """Returns the exit code of the tests."""
    try:
        build()
        with temporary_emulator("e2e", enforces_policies=True) as emulator:
            deploy(emulator)
            load_seed_data(emulator)
            return _test(emulator)
    except (EmulatorError, StackError) as error:
        sys.exit(f"e2e: {error}")


def _test(emulator: Emulator) -> int:
    environment = emulator.client_environment | {
        "E2E_PYTHON": sys.executable,
        "E2E_STACK": str(stack_file(emulator)),
        "PATH": f"{AWS_CLI}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(TESTS, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
