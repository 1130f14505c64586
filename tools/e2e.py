"""Deploys everything to a local AWS of its own and runs the end-to-end tests there.

First with an API that is open, then the same stack with a queue before the consumer, then
without it and closed, with other tests each time; open again for schemathesis.

That AWS enforces the policies of the functions' roles, which the one of `make run`
does not, so that an action that a role does not allow is noticed.
"""

import os
import subprocess
import sys

import contract
from emulator import ROOT, Emulator, EmulatorError, temporary_emulator
from stack import LOCAL, StackError, build, deploy, load_seed_data, stack_file

AWS_CLI = LOCAL / "venv" / "aws" / "bin"
WHILE_OPEN = ["e2e", "e2e_poison", "e2e_operations"]
WHILE_BATCHED = ["e2e_batched"]
WHILE_CLOSED = ["e2e_access"]
# A client's share of the rate is small, for a test to use it up; the log is at its most talkative.
# Of the queue that is there by now, what is left in it is worked off.
CLOSED = {
    "ApiAccess": "cognito",
    "ClientRate": "2",
    "ClientBurst": "300",
    "LogLevel": "TRACE",
    "EventDelivery": "draining",
}


def main() -> int:
    """Returns the exit code of the first that fails."""
    try:
        build()
        with temporary_emulator("e2e", enforces_policies=True) as emulator:
            deploy(emulator)
            load_seed_data(emulator)
            if code := _test(WHILE_OPEN, emulator):
                return code
            deploy(emulator, EventDelivery="batched")
            if code := _test(WHILE_BATCHED, emulator):
                return code
            deploy(emulator, **CLOSED)
            if code := _test(WHILE_CLOSED, emulator):
                return code
            # At last, for it leaves little of the stock.
            return contract.check(emulator, deploy(emulator)["apiUrl"])
    except (EmulatorError, StackError) as error:
        sys.exit(f"e2e: {error}")


def _test(programs: list[str], emulator: Emulator) -> int:
    selected = [argument for program in programs for argument in ("--test", program)]
    command = ["cargo", "test", "--locked", "--package", "tests", *selected, "--", "--ignored", "--test-threads=1"]
    environment = emulator.client_environment | {
        "E2E_PYTHON": sys.executable,
        "E2E_STACK": str(stack_file(emulator)),
        "PATH": f"{AWS_CLI}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
