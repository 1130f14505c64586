"""Deploys the project to a temporary local AWS and runs the end-to-end tests.

The tests run in turn on an empty stack with an open API, with the seed data, on another stack as an
earlier version of the template deployed it, after the update of that stack, and on a closed API,
which the demo uses first. All events of the first tests are replayed twice. Finally, schemathesis
tests the open API.

Unlike the local AWS of `make run`, this one enforces the policies of the functions'
roles, so a missing permission fails a test.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import contract
import event_replay
from emulator import ROOT, Emulator, EmulatorError, run_temporary_emulator
from event_replay import ReplayCheckError
from operator_program import count_findings, run_load
from replay import ReplayError
from samcli.yamlhelper import yaml_dump, yaml_parse
from stack import BUILD, LOCAL, StackError, build, deploy, load_seed_data, locate_stack_file

AWS_CLI = LOCAL / "venv" / "aws" / "bin"
EMPTY_TESTS = ["e2e_shop"]
ORDER_TESTS = ["e2e"]
FAILURE_TESTS = ["e2e_poison", "e2e_operations"]
QUEUE_TESTS = ["e2e_queue"]
CLOSED_TESTS = ["e2e_access"]
# A test uses up the low rate limit of a client. The log level TRACE shows that the
# functions log no token.
CLOSED_PARAMETERS = {
    "ApiAccess": "cognito",
    "ClientRate": "2",
    "ClientBurst": "500",
    "LogLevel": "TRACE",
}


def main() -> int:
    """Runs all tests and returns the exit code of the first failure, or 0."""
    try:
        build()
        with run_temporary_emulator("e2e", enforces_policies=True) as emulator:
            code = _test_new_stack(emulator)
        if code:
            return code
        with run_temporary_emulator("e2e", enforces_policies=True) as emulator:
            return _test_updates(emulator)
    except (EmulatorError, StackError, ReplayCheckError, ReplayError) as error:
        sys.exit(f"e2e: {error}")


def _test_new_stack(emulator: Emulator) -> int:
    """Tests a stack with an open API, first without data."""
    deploy(emulator)
    archive = event_replay.create_archive(emulator)
    if code := _run_tests(EMPTY_TESTS, emulator):
        return code
    load_seed_data(emulator)
    if code := _run_tests(ORDER_TESTS, emulator):
        return code
    event_replay.check_replays(emulator, archive)
    if run_load(emulator) or count_findings(emulator, "--stuck", "60"):
        return 1
    return _run_tests(FAILURE_TESTS, emulator)


def _test_updates(emulator: Emulator) -> int:
    """Tests the updates of a stack from an earlier version, to a closed API and back."""
    deploy(emulator, template=_write_earlier_template())
    load_seed_data(emulator)
    if code := _run_tests(QUEUE_TESTS, emulator, "events_wait_in_the_queue_of_an_earlier_version"):
        return code
    deploy(emulator)
    if code := _run_tests(QUEUE_TESTS, emulator, "an_update_applies_each_waiting_event_once"):
        return code
    deploy(emulator, **CLOSED_PARAMETERS)
    if code := _run_demo(emulator):
        return code
    if count_findings(emulator, "--stuck", "60"):
        return 1
    if code := _run_tests(CLOSED_TESTS, emulator):
        return code
    # schemathesis runs last because it uses up most of the stock.
    return contract.run_schemathesis(emulator, deploy(emulator)["apiUrl"])


def _write_earlier_template() -> Path:
    """Writes a template like that of EventDelivery=batched, a parameter of earlier versions, and returns its path.

    The rule sends every event to the queue. Nothing receives from the queue, so that the update finds events in it.
    The functions have no aliases.
    """
    text = (BUILD / "template.yaml").read_text()
    template = yaml_parse(re.sub(r"Ref: (\w+Function)\.Alias\b", r"Fn::GetAtt: [\1, Arn]", text))
    resources = template["Resources"]
    for name in ("OrderServiceFunction", "InventoryServiceFunction"):
        for setting in (
            "AutoPublishAlias",
            "AutoPublishAliasAllProperties",
            "VersionDescription",
            "DeploymentPreference",
        ):
            del resources[name]["Properties"][setting]
    del resources["OrderEventBatches"], resources["OrderEventPermission"]
    rule = resources["OrderEventRule"]
    del rule["DependsOn"]
    [target] = rule["Properties"]["Targets"]
    target |= {"Id": "OrderEventQueue", "Arn": {"Fn::GetAtt": ["OrderEventQueue", "Arn"]}}
    path = BUILD / "earlier-template.yaml"
    path.write_text(yaml_dump(template))
    return path


def _run_tests(targets: list[str], emulator: Emulator, name: str = "") -> int:
    """Runs the tests whose names contain `name`."""
    selected = [argument for target in targets for argument in ("--test", target)]
    arguments = ["--ignored", "--test-threads=1", *([name] if name else [])]
    command = ["cargo", "test", "--locked", "--package", "tests", *selected, "--", *arguments]
    environment = emulator.client_environment | {
        "E2E_PYTHON": sys.executable,
        "E2E_STACK": str(locate_stack_file(emulator)),
        "PATH": f"{AWS_CLI}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _run_demo(emulator: Emulator) -> int:
    """Runs `make demo`, the smoke test of a deployment."""
    demo = [sys.executable, str(ROOT / "tools" / "demo.py"), "--local-stack", str(locate_stack_file(emulator))]
    return subprocess.run(demo, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
