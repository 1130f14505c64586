"""Deploys the project to a temporary local AWS and runs the end-to-end tests.

The tests run in turn on an empty stack with an open API, with the seed data, with batched
event delivery, and on a closed API that drains the queue. Finally, schemathesis tests the open API.

Unlike the local AWS of `make run`, this one enforces the policies of the functions'
roles, so a missing permission fails a test.
"""

import os
import subprocess
import sys

import contract
from emulator import ROOT, Emulator, EmulatorError, run_temporary_emulator
from stack import LOCAL, StackError, build, deploy, load_seed_data, locate_stack_file

AWS_CLI = LOCAL / "venv" / "aws" / "bin"
EMPTY_TESTS = ["e2e_shop"]
OPEN_TESTS = ["e2e", "e2e_poison", "e2e_operations"]
BATCHED_TESTS = ["e2e_batched"]
CLOSED_TESTS = ["e2e_access"]
# A test uses up the low rate limit of a client. The log level TRACE shows that the
# functions log no token. The function drains the queue of the batched stack.
CLOSED_PARAMETERS = {
    "ApiAccess": "cognito",
    "ClientRate": "2",
    "ClientBurst": "500",
    "LogLevel": "TRACE",
    "EventDelivery": "draining",
}


def main() -> int:
    """Runs all tests and returns the exit code of the first failure, or 0."""
    try:
        build()
        with run_temporary_emulator("e2e", enforces_policies=True) as emulator:
            deploy(emulator)
            if code := _run_tests(EMPTY_TESTS, emulator):
                return code
            load_seed_data(emulator)
            if code := _run_tests(OPEN_TESTS, emulator):
                return code
            deploy(emulator, EventDelivery="batched")
            if code := _run_tests(BATCHED_TESTS, emulator):
                return code
            deploy(emulator, **CLOSED_PARAMETERS)
            if code := _run_tests(CLOSED_TESTS, emulator):
                return code
            # schemathesis runs last because it uses up most of the stock.
            return contract.run_schemathesis(emulator, deploy(emulator)["apiUrl"])
    except (EmulatorError, StackError) as error:
        sys.exit(f"e2e: {error}")


def _run_tests(targets: list[str], emulator: Emulator) -> int:
    selected = [argument for target in targets for argument in ("--test", target)]
    command = ["cargo", "test", "--locked", "--package", "tests", *selected, "--", "--ignored", "--test-threads=1"]
    environment = emulator.client_environment | {
        "E2E_PYTHON": sys.executable,
        "E2E_STACK": str(locate_stack_file(emulator)),
        "PATH": f"{AWS_CLI}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
